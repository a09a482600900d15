#include "pool/common/http/timed_socket.h"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/runtime/clock.h"

namespace asio = boost::asio;
using boost::system::error_code;

namespace storagepool::http {
namespace {

// A cancel misses an operation that starts right after it (the next read of a composed one), so it is
// repeated.
constexpr std::chrono::milliseconds kCancelAgain{20};

void consume(TimedSocket::Parts& parts, std::size_t bytes) {
  const std::size_t of_first = std::min(bytes, parts[0].size());
  parts[0] += of_first;
  parts[1] += bytes - of_first;
}

bool empty(const TimedSocket::Parts& parts) {
  return parts[0].size() + parts[1].size() == 0;
}

}  // namespace

bool is_clear_text(const error_code& error) {
  return error.category() == asio::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
}

struct TimedSocket::Tls {
  Tls(asio::ip::tcp::socket& socket, const TlsContext& context)
      : shared((SSL_CTX_up_ref(context.native()), context.native())), stream(socket, shared) {}

  asio::ssl::context shared;
  asio::ssl::stream<asio::ip::tcp::socket&> stream;
};

TimedSocket::TimedSocket(asio::ip::tcp::socket socket, std::shared_ptr<const TlsContext> tls)
    : socket_(std::move(socket)), timer_(socket_.get_executor()) {
  error_code ignored;  // a descriptor that cannot be set fails on the first read
  socket_.non_blocking(true, ignored);
  if (tls) tls_ = std::make_unique<Tls>(socket_, *tls);
}

TimedSocket::~TimedSocket() = default;

asio::awaitable<void> TimedSocket::handshake(error_code& error) {
  co_await tls_->stream.async_handshake(asio::ssl::stream_base::server,
                                        asio::redirect_error(asio::use_awaitable, error));
  if (!error) peer_certificate_ = peer_certificate_name(tls_->stream.native_handle());
}

asio::awaitable<std::size_t> TimedSocket::read_some(asio::mutable_buffer buffer, error_code& error) {
  if (tls_) return tls_->stream.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
  return socket_.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<std::size_t> TimedSocket::write_some(const Parts& parts, error_code& error) {
  if (tls_) return tls_->stream.async_write_some(parts, asio::redirect_error(asio::use_awaitable, error));
  return socket_.async_write_some(parts, asio::redirect_error(asio::use_awaitable, error));
}

bool TimedSocket::write_at_once(Parts& parts, error_code& error) {
  if (tls_) return false;
  consume(parts, socket_.write_some(parts, error));
  if (error == asio::error::would_block) error.clear();
  return !error && empty(parts);
}

asio::awaitable<void> TimedSocket::write(Parts& parts, error_code& error) {
  while (!error && !empty(parts)) {
    const std::size_t sent = co_await write_some(parts, error);
    consume(parts, sent);
  }
}

bool TimedSocket::unread_bytes() {
  if (tls_) {
    SSL* const connection = tls_->stream.native_handle();
    if (SSL_pending(connection) > 0 || BIO_pending(SSL_get_rbio(connection)) > 0) return true;
  }
  error_code error;
  return socket_.available(error) > 0 && !error;
}

bool TimedSocket::ended_by_peer() {
  const std::lock_guard lock(closing_);  // its number may be another's once it is closed
  pollfd looked_at{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&looked_at, 1, 0) != 0;
}

asio::awaitable<void> TimedSocket::end_output() {
  error_code error;
  if (tls_) co_await tls_->stream.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
}

void TimedSocket::set_deadline(std::chrono::steady_clock::duration duration) {
  expired_ = false;
  deadline_ = runtime::steady_now() + duration;
  if (deadline_ < timer_end_) start_timer(deadline_);
}

void TimedSocket::clear_deadline() {
  expired_ = false;
  deadline_ = kNever;
}

void TimedSocket::close() {
  clear_deadline();
  ++generation_;
  timer_end_ = kNever;
  timer_.cancel();
  const std::lock_guard lock(closing_);
  error_code ignored;  // the descriptor is gone whatever close(2) says
  socket_.close(ignored);
}

void TimedSocket::start_timer(TimePoint end) {
  timer_end_ = end;
  timer_.expires_at(end);
  timer_.async_wait([self = shared_from_this(), generation = ++generation_](const error_code& error) {
    if (!error && generation == self->generation_) self->timer_ended();
  });
}

void TimedSocket::timer_ended() {
  timer_end_ = kNever;
  if (deadline_ == kNever) return;
  const TimePoint now = runtime::steady_now();
  if (now < deadline_) {
    start_timer(deadline_);
    return;
  }
  expired_ = true;
  error_code ignored;  // only a closed socket refuses, which is as good
  socket_.cancel(ignored);
  start_timer(now + kCancelAgain);
}

}  // namespace storagepool::http
