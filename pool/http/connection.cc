#include "pool/http/connection.h"

#include <array>
#include <chrono>
#include <exception>
#include <typeinfo>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/core/demangle.hpp>
#include <nlohmann/json.hpp>

#include "pool/http/problem.h"
#include "pool/http/request_id.h"
#include "pool/http/response_head.h"
#include "pool/runtime/log.h"

namespace asio = boost::asio;
using boost::system::error_code;

namespace storagepool::http {
namespace {

// How long and how much a client that is still sending is listened to after our last answer, so that closing
// does not destroy the answer on its way (RFC 9112 §9.6).
constexpr std::chrono::seconds kLingerTime{5};
constexpr std::size_t kLingerBytes = std::size_t{64} * 1024 * 1024;

struct Logged {
  std::string method;
  std::string path;
  std::string request_id;
};

void log_failure(const Logged& request, const std::string& type, const std::string& what) {
  log::error("request handler failed", {{"method", request.method},
                                        {"path", request.path},
                                        {"requestId", request.request_id},
                                        {"exception", type},
                                        {"error", what}});
}

void log_thrown(const Logged& request, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const nlohmann::json::exception& error) {
    // Its text quotes the body.
    log_failure(request, "nlohmann::json::exception", "JSON error " + std::to_string(error.id));
  } catch (const std::exception& error) {
    log_failure(request, boost::core::demangle(typeid(error).name()), error.what());
  } catch (...) {
    log_failure(request, "unknown", "not a std::exception");
  }
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, std::shared_ptr<Context> context)
    : context_(std::move(context)),
      socket_(std::make_shared<TimedSocket>(std::move(socket))),
      reader_(socket_, context_) {}

asio::awaitable<void> Connection::serve() {
  bool first = true;
  bool open = true;
  while (open) {
    open = co_await await_request(first);
    first = false;
    if (open) open = co_await serve_one();
  }
  socket_->close();
}

asio::awaitable<void> Connection::refuse() {
  Response busy =
      problem(ProblemKind::kUnavailable,
              "more than " + std::to_string(context_->limits.max_connections) + " connections", "");
  busy.headers.emplace_back("Retry-After", "1");
  Request unknown;
  unknown.request_id = request_id(std::nullopt);
  const bool written = co_await write(busy, unknown, false);
  if (written) co_await linger();
  socket_->close();
}

void Connection::drain() {
  asio::post(socket_->socket().get_executor(), [self = shared_from_this()] {
    // What has already arrived is still answered.
    if (self->idle_ && !self->unread_bytes()) self->socket_->close();
  });
}

void Connection::cut() {
  asio::post(socket_->socket().get_executor(), [self = shared_from_this()] { self->socket_->close(); });
}

asio::awaitable<bool> Connection::await_request(bool first) {
  if (reader_.has_buffered()) co_return true;
  if (context_->draining && !unread_bytes()) co_return false;
  const auto timeout = first ? context_->limits.header_timeout : context_->limits.keep_alive_timeout;
  idle_ = true;
  const bool came = co_await reader_.wait(timeout);
  idle_ = false;
  co_return came;
}

// True when the connection can take another request.
asio::awaitable<bool> Connection::serve_one() {
  auto incoming = co_await reader_.read();
  if (!incoming) {
    const Rejected& rejected = incoming.error();
    if (!rejected.answer) co_return false;
    const bool told = co_await write(*rejected.answer, rejected.request, false);
    if (told) co_await linger();
    co_return false;
  }
  Request& request = incoming->request;
  Request outline;  // what the answer needs to know after the handler took the request
  outline.method = request.method;
  outline.request_id = request.request_id;
  const Response response = co_await answer(std::move(request));
  const bool keep_alive = incoming->keep_alive && !context_->draining;
  const bool written = co_await write(response, outline, keep_alive);
  if (!written) co_return false;
  if (!keep_alive && (reader_.has_buffered() || unread_bytes())) co_await linger();
  co_return keep_alive;
}

asio::awaitable<Response> Connection::answer(Request request) {
  const Logged logged{request.method, request.path, request.request_id};
  std::exception_ptr thrown;
  try {
    Response response = co_await context_->handler(std::move(request));
    if (sendable(response)) co_return response;
    log_failure(logged, "none", "the handler's answer has a header that cannot be sent");
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) log_thrown(logged, thrown);
  co_return problem(
      ProblemKind::kInternal,
      "the request failed for a reason on our side; see our log for request " + logged.request_id,
      logged.path);
}

asio::awaitable<bool> Connection::write(const Response& response, const Request& request, bool keep_alive) {
  const std::string head =
      format_head(response, request.request_id, keep_alive, std::chrono::system_clock::now());
  const bool with_body = request.method != "HEAD" && may_have_body(response.status);
  const std::array<asio::const_buffer, 2> parts = {
      asio::buffer(head), with_body ? asio::buffer(response.body) : asio::const_buffer()};
  socket_->set_deadline(context_->limits.write_timeout);
  error_code error;
  co_await asio::async_write(socket_->socket(), parts, asio::redirect_error(asio::use_awaitable, error));
  socket_->clear_deadline();
  co_return !error;
}

asio::awaitable<void> Connection::linger() {
  error_code error;
  socket_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  socket_->set_deadline(kLingerTime);
  std::array<char, 4096> discarded{};
  std::size_t total = 0;
  while (!error && total < kLingerBytes && !socket_->expired()) {
    total += co_await socket_->socket().async_read_some(asio::buffer(discarded),
                                                        asio::redirect_error(asio::use_awaitable, error));
  }
}

bool Connection::unread_bytes() {
  error_code error;
  return socket_->socket().available(error) > 0 && !error;
}

}  // namespace storagepool::http
