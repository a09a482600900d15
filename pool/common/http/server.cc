#include "pool/common/http/server.h"

#include <unordered_set>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/http/connection.h"
#include "pool/common/http/context.h"
#include "pool/common/http/limits/room.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/loop/supervisor.h"

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace storagepool::http {
namespace {

// Beyond the bound this many connections at a time are told so; more are closed without a word.
constexpr std::size_t kMaxRefusals = 64;
// After accept(2) failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptBackOff{100};

// Also for IPv4 when it is an IPv6 one.
tcp::acceptor open_acceptor(const asio::any_io_executor& executor, const tcp::endpoint& endpoint,
                            error_code& error) {
  tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return acceptor;
}

bool means_no_ipv6(const error_code& error) {
  return error == asio::error::address_family_not_supported ||
         error == boost::system::errc::address_not_available;
}

bool concerns_one_client(const error_code& error) {
  return error == asio::error::connection_aborted || error == asio::error::connection_reset ||
         error == asio::error::interrupted || error == asio::error::network_down ||
         error == asio::error::host_unreachable || error == asio::error::network_unreachable;
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::any_io_executor executor, const Limits& limits, Handler handler, Gate gate)
      : executor_(std::move(executor)),
        context_(std::make_shared<Context>(limits, std::move(handler), std::move(gate))),
        acceptor_(executor_),
        gone_(executor_) {}

  tl::expected<std::uint16_t, std::string> listen(const std::string& address, std::uint16_t port);
  asio::awaitable<bool> drain(std::chrono::steady_clock::time_point deadline);
  void stop();
  const asio::any_io_executor& executor() const { return executor_; }
  void close_after_answers(bool close) { context_->closing = close; }
  void observe(Observer observer) { context_->observer = std::move(observer); }
  void use_tls(std::shared_ptr<const TlsContext> tls) {
    context_->encrypted = true;
    context_->tls = std::move(tls);
  }
  const Context& context() const { return *context_; }
  std::uint64_t closed_for_new() const { return closed_for_new_; }

 private:
  asio::awaitable<void> accept_loop();
  void admit(tcp::socket socket);
  bool make_room();
  asio::awaitable<void> run(std::shared_ptr<Connection> connection, bool served);
  void forget(const std::shared_ptr<Connection>& connection, bool served);
  void close_acceptor();

  asio::any_io_executor executor_;
  std::shared_ptr<Context> context_;
  tcp::acceptor acceptor_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;  // served and refused ones
  std::size_t served_ = 0;
  bool over_bound_ = false;
  std::uint64_t closed_for_new_ = 0;
  runtime::Notification gone_;  // a connection ended
};

tl::expected<std::uint16_t, std::string> Server::Impl::listen(const std::string& address,
                                                              std::uint16_t port) {
  const auto failed = [&](const std::string& why) {
    return tl::unexpected("cannot listen on " + address + " port " + std::to_string(port) + ": " + why);
  };
  if (acceptor_.is_open()) return failed("the server is listening already");
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) return failed("not an IP address");
  tcp::acceptor acceptor = open_acceptor(executor_, {ip, port}, error);
  if (means_no_ipv6(error) && ip == asio::ip::address_v6::any())
    acceptor = open_acceptor(executor_, {asio::ip::address_v4::any(), port}, error);
  if (error) return failed(error.message());
  const std::uint16_t bound = acceptor.local_endpoint(error).port();
  if (error) return failed(error.message());
  acceptor_ = std::move(acceptor);
  runtime::supervise(executor_, "http accept", [self = shared_from_this()] { return self->accept_loop(); });
  return bound;
}

asio::awaitable<void> Server::Impl::accept_loop() {
  const auto self = shared_from_this();
  bool failing = false;
  while (acceptor_.is_open()) {
    tcp::socket socket(executor_);
    error_code error;
    co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) break;
    if (!error) {
      failing = false;
      admit(std::move(socket));
    } else if (!concerns_one_client(error)) {
      if (!failing) log::warn("cannot accept connections, trying again", {{"error", error.message()}});
      failing = true;
      co_await runtime::sleep_for(kAcceptBackOff);
    }
  }
}

void Server::Impl::admit(tcp::socket socket) {
  if (context_->encrypted && !context_->tls) return;
  error_code ignored;  // a client that is already gone is noticed on the first read
  socket.set_option(tcp::no_delay(true), ignored);
  const bool full = served_ >= context_->limits.max_connections && !make_room();
  if (full != over_bound_) {
    over_bound_ = full;
    if (full)
      log::warn("too many connections, refusing", {{"maxConnections", context_->limits.max_connections}});
  }
  if (full && connections_.size() - served_ >= kMaxRefusals) return;
  auto connection = std::make_shared<Connection>(std::move(socket), context_);
  connections_.insert(connection);
  if (!full) ++served_;
  runtime::spawn(executor_, "http connection", run(std::move(connection), !full));
}

// False when every connection is with the handler.
bool Server::Impl::make_room() {
  const auto now = runtime::steady_now();
  std::shared_ptr<Connection> first;
  std::optional<Standing> standing_of_first;
  for (const auto& connection : connections_) {
    const auto standing = connection->standing(now);
    if (!standing || (standing_of_first && !closed_before(*standing, *standing_of_first))) continue;
    first = connection;
    standing_of_first = standing;
  }
  if (!first) return false;
  first->cut();
  ++closed_for_new_;
  return true;
}

asio::awaitable<void> Server::Impl::run(std::shared_ptr<Connection> connection, bool served) {
  const auto self = shared_from_this();
  std::exception_ptr thrown;
  try {
    if (served) {
      co_await connection->serve();
    } else {
      co_await connection->refuse();
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  forget(connection, served);
  if (thrown) std::rethrow_exception(thrown);
}

void Server::Impl::forget(const std::shared_ptr<Connection>& connection, bool served) {
  connection->cut();
  connections_.erase(connection);
  if (served) --served_;
  gone_.notify_all();
}

void Server::Impl::close_acceptor() {
  error_code ignored;  // the descriptor is gone whatever close(2) says
  acceptor_.close(ignored);
}

asio::awaitable<bool> Server::Impl::drain(std::chrono::steady_clock::time_point deadline) {
  const auto self = shared_from_this();
  context_->closing = true;
  context_->draining = true;  // first: once the port is closed, no answer promises to take another request
  close_acceptor();
  for (const auto& connection : connections_) connection->drain();
  bool in_time = true;
  while (!connections_.empty() && in_time) in_time = co_await gone_.wait_until(deadline);
  const bool all_gone = connections_.empty();
  for (const auto& connection : connections_) connection->cut();
  co_return all_gone;
}

void Server::Impl::stop() {
  close_acceptor();
  for (const auto& connection : connections_) connection->cut();
}

Server::Server(asio::any_io_executor executor, Limits limits, Handler handler, Gate gate)
    : impl_(std::make_shared<Impl>(std::move(executor), limits, std::move(handler), std::move(gate))) {}

Server::~Server() {
  asio::post(impl_->executor(), [impl = impl_] { impl->stop(); });
}

tl::expected<std::uint16_t, std::string> Server::listen(const std::string& address, std::uint16_t port) {
  return impl_->listen(address, port);
}

asio::awaitable<bool> Server::drain(std::chrono::steady_clock::time_point deadline) {
  const auto impl = impl_;
  co_return co_await impl->drain(deadline);
}

void Server::close_after_answers(bool close) {
  impl_->close_after_answers(close);
}

void Server::observe(Observer observer) {
  impl_->observe(std::move(observer));
}

void Server::use_tls(std::shared_ptr<const TlsContext> tls) {
  impl_->use_tls(std::move(tls));
}

std::uint64_t Server::rate_limited() const {
  return impl_->context().rate_limited;
}

std::size_t Server::memory_held() const {
  return impl_->context().memory.held();
}

std::uint64_t Server::memory_refused() const {
  return impl_->context().memory.refused();
}

std::uint64_t Server::closed_for_new() const {
  return impl_->closed_for_new();
}

}  // namespace storagepool::http
