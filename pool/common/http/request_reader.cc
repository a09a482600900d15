#include "pool/common/http/request_reader.h"

#include <algorithm>
#include <string_view>

#include <boost/asio/error.hpp>

#include "pool/common/http/failure.h"
#include "pool/common/http/message/body_coding.h"
#include "pool/common/http/message/forwarded.h"
#include "pool/common/http/message/trace_context.h"
#include "pool/common/runtime/clock.h"

namespace asio = boost::asio;
using boost::system::error_code;

namespace storagepool::http {
namespace {

// What a connection waits with: most requests fit, and many that wait do not take much. It is given back
// while a request is served.
constexpr std::size_t kFirstBytes = std::size_t{4} * 1024;
constexpr std::size_t kMoreBytes = std::size_t{8} * 1024;

}  // namespace

RequestReader::RequestReader(std::shared_ptr<TimedSocket> socket, std::shared_ptr<Context> context,
                             const Member& member)
    : socket_(std::move(socket)),
      context_(std::move(context)),
      member_(member),
      buffer_(RequestParser::input_bytes(context_->limits)) {}

asio::awaitable<bool> RequestReader::wait(std::chrono::milliseconds timeout) {
  if (buffer_.capacity() > kFirstBytes) buffer_.shrink_to_fit();
  socket_->set_deadline(timeout);
  error_code error;
  const std::size_t got = co_await socket_->read_some(buffer_.prepare(kFirstBytes), error);
  buffer_.commit(got);
  socket_->clear_deadline();
  co_return !error;
}

asio::awaitable<tl::expected<Incoming, Rejected>> RequestReader::read() {
  RequestParser parser(context_->limits);
  parser.head().client = member_.address();
  Reservation reservation = begin_reservation(context_, member_);
  // A header's memory counts twice while it is read: as it came and as it is understood.
  auto header = parser.take_header(buffer_);
  if (header && !*header) header = co_await wait_for_header(parser, reservation);
  if (!header) co_return tl::unexpected(std::move(header.error()));
  if (!reservation.grow(parser.header_bytes())) co_return tl::unexpected(parser.too_much_memory());
  if (auto refused = judge(parser)) co_return tl::unexpected(std::move(*refused));

  const bool asks_first = parser.expects_continue() && buffer_.size() == 0;
  auto body = parser.take_body(buffer_, reservation);
  if (body && !*body) body = co_await wait_for_body(parser, reservation, asks_first);
  progress_.reset();
  if (!body) co_return tl::unexpected(std::move(body.error()));
  socket_->clear_deadline();
  if (buffer_.size() == 0) buffer_.shrink_to_fit();
  const bool keep_alive = parser.keep_alive();
  co_return Incoming{parser.take_request(), keep_alive, std::move(reservation)};
}

asio::awaitable<tl::expected<bool, Rejected>> RequestReader::wait_for_header(RequestParser& parser,
                                                                             Reservation& reservation) {
  tl::expected<bool, Rejected> taken = false;
  socket_->set_deadline(context_->limits.header_timeout);
  while (taken && !*taken) {
    if (!reservation.grow(kMoreBytes)) co_return tl::unexpected(parser.too_much_memory());
    auto more = co_await read_more(parser);
    if (!more) co_return tl::unexpected(std::move(more.error()));
    taken = parser.take_header(buffer_);
  }
  co_return taken;
}

asio::awaitable<tl::expected<bool, Rejected>> RequestReader::wait_for_body(RequestParser& parser,
                                                                           Reservation& reservation,
                                                                           bool asks_first) {
  tl::expected<bool, Rejected> taken = false;
  progress_.emplace(context_->limits.pace, runtime::steady_now());
  if (asks_first) {
    socket_->set_deadline(context_->limits.pace.silence);
    const bool sent = co_await send_continue();
    if (!sent) co_return tl::unexpected(parser.gone());
  }
  while (taken && !*taken) {
    socket_->set_deadline(progress_->deadline() - runtime::steady_now());
    auto more = co_await read_more(parser);
    if (!more) co_return tl::unexpected(std::move(more.error()));
    progress_->moved(*more, runtime::steady_now());
    taken = parser.take_body(buffer_, reservation);
  }
  co_return taken;
}

// What is known before the body is read.
std::optional<Rejected> RequestReader::judge(RequestParser& parser) {
  ClientKey client = member_.client();
  if (!context_->limits.trusted_proxies.empty()) {
    const auto behind =
        client_behind(context_->limits.trusted_proxies, member_.peer(), parser.head().headers);
    client = client_key(behind);
    parser.head().client = client_text(behind);
  }
  parser.head().peer_certificate = socket_->peer_certificate();
  parser.head().trace_id = trace_id(parser.head());
  if (auto refusal = pass_gate(context_->gate, parser.head()))
    return parser.refuse(buffer_, std::move(*refusal));
  if (context_->limits_rate()) {
    const auto retry_after = context_->take_token(client);
    if (retry_after.count() > 0) return parser.refuse_rate(buffer_, retry_after);
  }
  if (auto refusal = refuse_coding(parser.head())) return parser.refuse(buffer_, std::move(*refusal));
  return std::nullopt;
}

asio::awaitable<tl::expected<std::size_t, Rejected>> RequestReader::read_more(RequestParser& parser) {
  const asio::mutable_buffer room = parser.room();
  const bool direct = room.size() > 0;
  const asio::mutable_buffer target =
      direct ? room : buffer_.prepare(std::min(kMoreBytes, buffer_.max_size() - buffer_.size()));
  error_code error;
  const std::size_t got = co_await socket_->read_some(target, error);
  if (direct) {
    parser.filled(got);
  } else {
    buffer_.commit(got);
  }
  if (!error) co_return got;
  if (error == asio::error::eof) co_return tl::unexpected(parser.ended());
  if (error == asio::error::operation_aborted && socket_->expired())
    co_return tl::unexpected(parser.timed_out());
  co_return tl::unexpected(parser.gone());
}

asio::awaitable<bool> RequestReader::send_continue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  error_code error;
  TimedSocket::Parts parts{asio::buffer(kContinue), asio::const_buffer()};
  co_await socket_->write(parts, error);
  co_return !error;
}

}  // namespace storagepool::http
