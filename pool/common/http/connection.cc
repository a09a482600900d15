#include "pool/common/http/connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/http/message/body_coding.h"
#include "pool/common/http/message/coding.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/http/message/request_id.h"
#include "pool/common/http/message/response_head.h"
#include "pool/common/runtime/clock.h"

namespace asio = boost::asio;
using boost::system::error_code;

namespace storagepool::http {
namespace {

// How long and how much a client that is still sending is listened to after our last answer, so that closing
// does not destroy the answer on its way (RFC 9112 §9.6).
constexpr std::chrono::seconds kLingerTime{5};
// How long a client may take to hear that an encrypted connection ends.
constexpr std::chrono::seconds kFarewellTime{1};
constexpr std::size_t kLingerBytes = std::size_t{64} * 1024 * 1024;
// What the system takes of an answer beyond what the client's window has room for.
constexpr int kUnsentBytes = 32 * 1024;
// An answer of this size is always sent: it says what was done, or why not.
constexpr std::size_t kAlwaysSent = std::size_t{64} * 1024;

asio::ip::address client_of(asio::ip::tcp::socket& socket) {
  error_code gone;  // noticed on the first read
  return socket.remote_endpoint(gone).address();
}

asio::awaitable<void> forget_more(Response* response) {
  response->more = nullptr;
  co_return;
}

Response busy(const std::string& detail, const std::string& path) {
  Response refusal = problem(ProblemKind::kUnavailable, detail, path);
  refusal.headers.emplace_back("Retry-After", "1");
  return refusal;
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, std::shared_ptr<Context> context)
    : context_(std::move(context)),
      socket_(std::make_shared<TimedSocket>(std::move(socket), context_->tls)),
      member_(context_, client_of(socket_->socket())),
      reader_(socket_, context_, member_) {
  // So that a slow reader is seen to read, and the system keeps little of an answer.
  ::setsockopt(socket_->socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes,
               sizeof kUnsentBytes);
}

asio::awaitable<void> Connection::serve() {
  bool first = true;
  bool open = true;
  if (socket_->encrypted()) open = co_await begin_tls();
  while (open) {
    waits_since_ = runtime::steady_now();
    open = co_await await_request(first);
    first = false;
    if (open) open = co_await serve_one();
  }
  if (socket_->encrypted()) {
    socket_->set_deadline(kFarewellTime);
    co_await socket_->end_output();
  }
  socket_->close();
}

asio::awaitable<bool> Connection::begin_tls() {
  waits_since_ = runtime::steady_now();
  idle_ = true;
  socket_->set_deadline(context_->limits.header_timeout);
  error_code error;
  co_await socket_->handshake(error);
  socket_->clear_deadline();
  idle_ = false;
  if (is_clear_text(error)) {
    const Response told = problem(ProblemKind::kValidationError, "this port speaks TLS: use https://", "");
    const std::string answer =
        format_head(told, request_id(std::nullopt), std::nullopt, runtime::wall_now()) + told.body;
    error_code ignored;  // whoever is gone needs no answer
    socket_->socket().write_some(asio::buffer(answer), ignored);
  }
  co_return !error;
}

asio::awaitable<void> Connection::refuse() {
  refused_ = true;
  if (socket_->encrypted()) co_return;  // a handshake is what there is no place for
  Response refusal =
      busy("more than " + std::to_string(context_->limits.max_connections) + " connections", "");
  Request unknown;
  unknown.request_id = request_id(std::nullopt);
  const bool written = co_await write(refusal, unknown, false, nullptr);
  if (written) co_await linger();
  socket_->close();
}

void Connection::drain() {
  // What has already arrived is still answered.
  if (idle_ && !socket_->unread_bytes()) socket_->close();
}

void Connection::cut() {
  waits_since_.reset();
  answer_.reset();
  socket_->close();
}

std::optional<Standing> Connection::standing(runtime::TimePoint now) const {
  if (refused_) return std::nullopt;
  Standing standing;
  standing.of_client = context_->memory.connections(member_.share());
  if (answer_) {
    standing.since = answer_->began();
    standing.bytes_per_second = answer_->bytes_per_second(now);
  } else if (waits_since_) {
    standing.since = *waits_since_;
    if (reader_.progress()) standing.bytes_per_second = reader_.progress()->bytes_per_second(now);
  } else {
    return std::nullopt;
  }
  standing.idle = standing.bytes_per_second < static_cast<double>(context_->limits.pace.bytes_per_second);
  return standing;
}

asio::awaitable<bool> Connection::await_request(bool first) {
  if (reader_.has_buffered()) co_return true;
  if (context_->draining && !socket_->unread_bytes()) co_return false;
  const auto timeout = first ? context_->limits.header_timeout
                             : context_->limits.keep_alive_timeout + context_->limits.keep_alive_grace;
  idle_ = true;
  const bool came = co_await reader_.wait(timeout);
  idle_ = false;
  co_return came;
}

// True when the connection can take another request.
asio::awaitable<bool> Connection::serve_one() {
  const auto began = runtime::steady_now();
  auto incoming = co_await reader_.read();
  if (!incoming) {
    Rejected& rejected = incoming.error();
    if (!rejected.answer) co_return false;
    const bool keep_alive = rejected.keep_alive && !context_->closing;
    waits_since_.reset();
    auto exchange = to_observe(rejected.request);
    rejected.answer->headers.emplace_back("Server-Timing", server_timing(runtime::steady_now() - began));
    const unsigned status = rejected.answer->status;
    const std::size_t size = body_size(*rejected.answer);
    const bool told = co_await write(*rejected.answer, rejected.request, keep_alive, nullptr);
    observed(std::move(exchange), status, size, began);
    if (told && !keep_alive) co_await linger();
    co_return told&& keep_alive;
  }
  waits_since_.reset();
  Request& request = incoming->request;
  auto exchange = to_observe(request);
  request.memory = &incoming->reservation;
  request.gone = [this] { return socket_->ended_by_peer(); };
  Response response = co_await answer(*incoming);
  if (!pays_for(response, incoming->reservation)) {
    response = busy("too many large answers at once, try again", request.path);
    pays_for(response, incoming->reservation);
  }
  response.headers.emplace_back("Server-Timing", server_timing(runtime::steady_now() - began));
  const bool told = !response.more || request.takes_chunks;  // where its body ends
  const bool keep_alive = incoming->keep_alive && !context_->closing && told;
  const std::size_t size = body_size(response);
  streamed_ = 0;
  const bool written = co_await write(response, request, keep_alive, &incoming->reservation);
  observed(std::move(exchange), response.status, size + streamed_, began);
  if (response.more) co_await let_go(response);
  if (!written) co_return false;
  if (!keep_alive && (reader_.has_buffered() || socket_->unread_bytes())) co_await linger();
  co_return keep_alive;
}

std::optional<Exchange> Connection::to_observe(const Request& request) {
  if (!context_->observer) return std::nullopt;
  return exchange_of(request);
}

void Connection::observed(std::optional<Exchange> exchange, unsigned status, std::size_t bytes_out,
                          runtime::TimePoint began) {
  if (!exchange) return;
  exchange->status = status;
  exchange->bytes_out = exchange->method == "HEAD" ? 0 : bytes_out;
  exchange->duration = runtime::steady_now() - began;
  context_->observer(*exchange);
}

asio::awaitable<Response> Connection::answer(Incoming& incoming) {
  Request& request = incoming.request;
  std::exception_ptr thrown;
  try {
    const bool gzip = prefers_gzip(request);
    if (is_coded(request)) {
      const Reserve reserve = [&](std::size_t bytes) { return incoming.reservation.grow(bytes); };
      auto refusal = co_await decode_body(request, context_->limits.body_bytes, reserve);
      if (refusal) co_return std::move(*refusal);
    }
    const auto handle = [this, &request] { return context_->handler(request); };
    Response response = co_await at_handler(*context_, handle);
    if (compressible(response)) {
      response.headers.emplace_back("Vary", "Accept-Encoding");
      if (gzip) co_await compress(response);
    }
    if (sendable(response)) co_return response;
    if (response.more) co_await let_go(response);
  } catch (...) {
    thrown = std::current_exception();
  }
  co_return failed(request, thrown);
}

// The request's memory becomes the answer's. What the first piece of one with `more` takes is held already.
bool Connection::pays_for(const Response& response, Reservation& reservation) const {
  if (response.more) return true;
  const std::size_t size = body_size(response);
  if (reservation.become(size)) return true;
  if (size > kAlwaysSent) return false;
  reservation.become(0);
  reservation.count(size);
  return true;
}

asio::awaitable<bool> Connection::write(Response& response, const Request& request, bool keep_alive,
                                        Reservation* reservation) {
  const auto kept = keep_alive ? std::optional(context_->limits.keep_alive_timeout) : std::nullopt;
  const std::string head =
      format_head(response, request.request_id, kept, runtime::wall_now(), request.takes_chunks);
  const bool with_body = request.method != "HEAD" && may_have_body(response.status);
  answer_.emplace(pace_of_sending(context_->limits.pace), runtime::steady_now());
  std::size_t left = body_size(response);
  const bool gives_back = reservation != nullptr && !response.more;
  const auto sent = [&left, gives_back, reservation](std::string& piece) {
    left -= piece.size();
    piece = {};
    if (gives_back) reservation->become(left);
  };
  auto next = response.pieces.begin();
  std::string& first = response.body.empty() && next != response.pieces.end() ? *next++ : response.body;
  TimedSocket::Parts parts = {asio::buffer(head), with_body ? asio::buffer(first) : asio::const_buffer()};
  // Most answers fit into the socket's buffer at once, and then there is nothing to wait for.
  error_code error;
  bool written = socket_->write_at_once(parts, error);
  if (!written && !error) written = co_await write_slowly(parts);
  if (written) sent(first);
  for (; written && with_body && next != response.pieces.end(); ++next) {
    written = co_await write_slowly({asio::buffer(*next), asio::const_buffer()});
    if (written) sent(*next);
  }
  socket_->clear_deadline();
  answer_.reset();
  if (written && with_body && response.more) written = co_await stream(response.more, request, reservation);
  co_return written;
}

asio::awaitable<void> Connection::let_go(Response& response) {
  const auto forget = [&response] { return forget_more(&response); };
  co_await at_handler(*context_, forget);
}

asio::awaitable<bool> Connection::stream(const Response::More& more, const Request& request,
                                         Reservation* reservation) {
  const auto next = [&more] { return more(); };
  while (!context_->draining) {
    std::optional<std::string> piece;
    std::exception_ptr thrown;
    try {
      piece = co_await at_handler(*context_, next);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) static_cast<void>(failed(request, thrown));  // is logged; what was told cannot be taken back
    if (thrown) co_return false;
    if (!piece) break;
    streamed_ += piece->size();
    const bool sent = piece->empty() || co_await send_piece(*std::move(piece), request.takes_chunks);
    if (!sent) co_return false;
    if (reservation != nullptr) reservation->become(0);
  }
  if (!request.takes_chunks) co_return true;
  const bool ended = co_await send_piece({}, true);
  co_return ended;
}

// The empty piece is the last chunk (RFC 9112, 7.1).
asio::awaitable<bool> Connection::send_piece(std::string piece, bool in_chunks) {
  std::array<char, 20> size{};
  std::string head;
  if (in_chunks) {
    const auto digits = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16);
    head.assign(size.data(), digits.ptr).append("\r\n");
    piece.append("\r\n");
  }
  answer_.emplace(pace_of_sending(context_->limits.pace), runtime::steady_now());
  const bool sent = co_await write_slowly({asio::buffer(head), asio::buffer(piece)});
  socket_->clear_deadline();
  answer_.reset();
  co_return sent;
}

asio::awaitable<bool> Connection::write_slowly(TimedSocket::Parts parts) {
  error_code error;
  bool done = false;
  while (!done && !error && answer_) {
    socket_->set_deadline(answer_->deadline() - runtime::steady_now());
    const std::size_t sent = co_await socket_->write_some(parts, error);
    if (answer_) answer_->moved(sent, runtime::steady_now());
    const std::size_t of_first = std::min(sent, parts[0].size());
    parts[0] += of_first;
    parts[1] += sent - of_first;
    done = parts[0].size() + parts[1].size() == 0;
  }
  co_return done;
}

asio::awaitable<void> Connection::linger() {
  waits_since_ = runtime::steady_now();
  error_code error;
  socket_->set_deadline(kLingerTime);
  co_await socket_->end_output();
  std::array<char, 4096> discarded{};
  std::size_t total = 0;
  while (!error && total < kLingerBytes && !socket_->expired()) {
    total += co_await socket_->socket().async_read_some(asio::buffer(discarded),
                                                        asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace storagepool::http
