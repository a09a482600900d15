#include "pool/common/http/testing/loopback.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <nlohmann/json.hpp>

#include "pool/common/http/message/fields.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/loop/side_loops.h"

namespace storagepool::http::testing {
namespace {

constexpr std::chrono::seconds kPatience{60};

std::system_error failure(const char* what) {
  return {errno, std::generic_category(), what};
}

std::size_t usual_lanes() {
  const char* lanes = std::getenv("STORAGEPOOL_HTTP_TEST_LANES");
  return lanes == nullptr ? 0 : std::stoul(lanes);
}

}  // namespace

struct LoopbackServer::Impl {
  Impl(const Limits& limits, Handler handler, Gate gate, std::size_t count)
      : lanes(count, "http"),
        server(loop.get_executor(), limits, std::move(handler), std::move(gate), lanes.executors()) {}

  std::uint64_t figure(std::uint64_t (Server::*of)() const) {
    std::promise<std::uint64_t> answer;
    boost::asio::post(loop, [&] { answer.set_value((server.*of)()); });
    return answer.get_future().get();
  }

  runtime::SideLoops lanes;
  runtime::Loop loop;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{loop.get_executor()};
  Server server;
  std::uint16_t port = 0;
  std::thread thread;
};

LoopbackServer::LoopbackServer(const Limits& limits, Handler handler, Gate gate)
    : LoopbackServer(limits, std::move(handler), std::move(gate), usual_lanes()) {}

LoopbackServer::LoopbackServer(const Limits& limits, Handler handler, Gate gate, std::size_t lanes)
    : impl_(std::make_unique<Impl>(limits, std::move(handler), std::move(gate), lanes)) {
  const auto port = impl_->server.listen("127.0.0.1", 0);
  if (!port) throw std::runtime_error(port.error());
  impl_->port = *port;
  impl_->thread = std::thread([this] { impl_->loop.run(); });
}

LoopbackServer::~LoopbackServer() {
  impl_->loop.stop();
  impl_->thread.join();
  impl_->lanes.stop(impl_->loop);
}

std::uint16_t LoopbackServer::port() const {
  return impl_->port;
}

void LoopbackServer::close_after_answers(bool close) {
  std::promise<void> done;
  boost::asio::post(impl_->loop, [&] {
    impl_->server.close_after_answers(close);
    done.set_value();
  });
  done.get_future().get();
}

void LoopbackServer::use_tls(std::shared_ptr<const TlsContext> tls) {
  std::promise<void> done;
  boost::asio::post(impl_->loop, [&] {
    impl_->server.use_tls(std::move(tls));
    done.set_value();
  });
  done.get_future().get();
}

void LoopbackServer::observe(Observer observer) {
  std::promise<void> done;
  boost::asio::post(impl_->loop, [&] {
    impl_->server.observe(std::move(observer));
    done.set_value();
  });
  done.get_future().get();
}

bool LoopbackServer::drain(std::chrono::steady_clock::duration timeout) {
  return boost::asio::co_spawn(impl_->loop, impl_->server.drain(std::chrono::steady_clock::now() + timeout),
                               boost::asio::use_future)
      .get();
}

std::uint64_t LoopbackServer::rate_limited() const {
  return impl_->figure(&Server::rate_limited);
}

std::size_t LoopbackServer::memory_held() const {
  return impl_->figure(&Server::memory_held);
}

std::uint64_t LoopbackServer::closed_for_new() const {
  return impl_->figure(&Server::closed_for_new);
}

std::string Answer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

Client::Client(std::uint16_t port, const char* from) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) throw failure("socket");
  const timeval patience{std::chrono::seconds(kPatience).count(), 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = ::inet_addr(from);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int late = 1;  // the port is chosen when the address to connect to is known
  ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const auto error = failure("connect");
    ::close(fd_);
    throw error;
  }
}

Client::~Client() {
  if (fd_ >= 0) ::close(fd_);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EPIPE || errno == ECONNRESET) return false;
      throw failure("send");
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Client::readable(std::chrono::milliseconds timeout) {
  pollfd poll{fd_, POLLIN, 0};
  return ::poll(&poll, 1, static_cast<int>(timeout.count())) > 0;
}

bool Client::receive(std::size_t at_most) {
  if (!readable(kPatience)) throw std::runtime_error("the server neither answered nor closed in time");
  std::array<char, 65536> chunk{};
  const ssize_t got = ::recv(fd_, chunk.data(), std::min(at_most, chunk.size()), 0);
  if (got < 0 && errno != ECONNRESET) throw failure("recv");
  if (got <= 0) return false;
  received_.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

std::optional<Answer> Client::read(bool with_body) {
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (receive()) continue;
    if (received_.empty()) return std::nullopt;
    throw std::runtime_error("answer cut off in its header: " + received_);
  }
  Answer answer;
  const std::string head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  answer.status = static_cast<unsigned>(std::stoul(head.substr(head.find(' ') + 1)));
  for (std::size_t line = head.find("\r\n") + 2; line < head.size();) {
    const std::size_t line_end = head.find("\r\n", line);
    const std::size_t colon = head.find(':', line);
    std::string name = head.substr(line, colon - line);
    for (char& c : name) c = to_lower(c);
    const std::size_t value = head.find_first_not_of(' ', colon + 1);
    answer.headers[name] = head.substr(value, line_end - value);
    line = line_end + 2;
  }
  const std::string length = answer.header("content-length");
  const std::size_t size = with_body && !length.empty() ? std::stoul(length) : 0;
  while (received_.size() < size) {
    if (!receive()) throw std::runtime_error("answer cut off in its body");
  }
  answer.body = received_.substr(0, size);
  received_.erase(0, size);
  return answer;
}

std::string Client::read_some(std::size_t bytes) {
  if (received_.empty()) receive(bytes);
  std::string some = received_.substr(0, bytes);
  received_.erase(0, some.size());
  return some;
}

std::string Client::read_to_end() {
  while (receive()) {
  }
  return std::exchange(received_, {});
}

void Client::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

void Client::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(std::exchange(fd_, -1));
}

bool refuses_connections(std::uint16_t port) {
  try {
    const Client client(port);
    return false;
  } catch (const std::system_error& error) {
    return error.code() == std::errc::connection_refused;
  }
}

Answer ask(std::uint16_t port, std::string_view request) {
  Client client(port);
  client.send(request);
  auto answer = client.read();
  if (!answer) throw std::runtime_error("closed without an answer");
  return *answer;
}

boost::asio::awaitable<Response> echo(Request& request) {
  nlohmann::ordered_json seen;
  seen["method"] = request.method;
  seen["path"] = request.path;
  seen["query"] = request.query;
  seen["headers"] = request.headers;
  seen["requestId"] = request.request_id;
  seen["body"] = request.body;
  Response response;
  response.body = seen.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  co_return response;
}

Handler held_by(std::shared_ptr<Barrier> barrier, std::string path) {
  const auto held = [](std::shared_ptr<Barrier> at, bool waits) -> boost::asio::awaitable<Response> {
    if (waits) {
      ++at->waiting;
      while (!at->open) co_await runtime::sleep_for(std::chrono::milliseconds{1});
    }
    co_return Response{};
  };
  return [held, barrier = std::move(barrier), path = std::move(path)](const Request& request) {
    return held(barrier, request.path == path);
  };
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace storagepool::http::testing
