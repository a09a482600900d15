#include "pool/common/http/server.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
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

// A connection that could be closed for a new one.
struct Candidate {
  std::shared_ptr<Connection> connection;
  Standing standing;
};

template <typename Connections>
std::optional<Candidate> first_to_close(const Connections& connections) {
  const auto now = runtime::steady_now();
  const std::shared_ptr<Connection>* first = nullptr;
  std::optional<Standing> standing_of_first;
  for (const std::shared_ptr<Connection>& connection : connections) {
    const auto standing = connection->standing(now);
    if (!standing || (standing_of_first && !closed_before(*standing, *standing_of_first))) continue;
    first = &connection;
    standing_of_first = standing;
  }
  if (first == nullptr) return std::nullopt;
  return Candidate{*first, *standing_of_first};
}

// What runs on a connection's lane.
using Connections = std::vector<std::shared_ptr<Connection>>;
asio::awaitable<std::optional<Candidate>> choose(const Connections* connections) {
  co_return first_to_close(*connections);
}
asio::awaitable<bool> cut_if_not_handled(const Candidate* candidate) {
  if (!candidate->connection->standing(runtime::steady_now())) co_return false;
  candidate->connection->cut();
  co_return true;
}
asio::awaitable<void> nothing() {
  co_return;
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::any_io_executor executor, const Limits& limits, Handler handler, Gate gate,
       std::vector<asio::any_io_executor> lanes)
      : executor_(std::move(executor)),
        context_(std::make_shared<Context>(limits, std::move(handler), std::move(gate),
                                           lanes.empty() ? asio::any_io_executor() : executor_)),
        acceptor_(executor_),
        gone_(executor_) {
    if (lanes.empty()) lanes.push_back(executor_);
    for (asio::any_io_executor& lane : lanes) lanes_.push_back({std::move(lane), {}});
  }

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
  struct Lane {
    asio::any_io_executor executor;
    std::unordered_set<std::shared_ptr<Connection>> connections;  // served and refused ones
  };

  asio::awaitable<void> accept_loop();
  Lane& emptiest();
  std::size_t connections() const;
  void on_all(void (Connection::*act)());
  asio::awaitable<void> pass_lanes();
  asio::awaitable<void> admit(tcp::socket socket, Lane* lane);
  asio::awaitable<bool> make_room();
  asio::awaitable<std::optional<Candidate>> first_of(const Lane* lane) const;
  template <typename Work>
  std::invoke_result_t<Work> on_lane(const Lane& lane, Work work) const {
    if (!context_->apart) return work();
    return asio::co_spawn(lane.executor, std::move(work), asio::use_awaitable);
  }
  static asio::awaitable<void> run(std::shared_ptr<Impl> self, Lane* lane,
                                   std::shared_ptr<Connection> connection, bool served);
  void forget(Lane& lane, const std::shared_ptr<Connection>& connection, bool served);
  void close_acceptor();

  asio::any_io_executor executor_;
  std::shared_ptr<Context> context_;
  tcp::acceptor acceptor_;
  std::vector<Lane> lanes_;  // at least one; does not change
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
    Lane& lane = emptiest();
    tcp::socket socket(lane.executor);
    error_code error;
    co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) break;
    if (!error) {
      failing = false;
      co_await admit(std::move(socket), &lane);
    } else if (!concerns_one_client(error)) {
      if (!failing) log::warn("cannot accept connections, trying again", {{"error", error.message()}});
      failing = true;
      co_await runtime::sleep_for(kAcceptBackOff);
    }
  }
}

Server::Impl::Lane& Server::Impl::emptiest() {
  return *std::min_element(lanes_.begin(), lanes_.end(), [](const Lane& a, const Lane& b) {
    return a.connections.size() < b.connections.size();
  });
}

std::size_t Server::Impl::connections() const {
  return std::accumulate(lanes_.begin(), lanes_.end(), std::size_t{0},
                         [](std::size_t sum, const Lane& lane) { return sum + lane.connections.size(); });
}

asio::awaitable<void> Server::Impl::admit(tcp::socket socket, Lane* lane) {
  if (context_->encrypted && !context_->tls) co_return;
  error_code ignored;  // a client that is already gone is noticed on the first read
  socket.set_option(tcp::no_delay(true), ignored);
  const auto at_bound = [this] { return served_ >= context_->limits.max_connections; };
  bool full = at_bound();
  if (full) full = !co_await make_room() && at_bound();  // what had ended on its lane has been told by then
  if (!acceptor_.is_open()) co_return;                   // since then
  if (full != over_bound_) {
    over_bound_ = full;
    if (full)
      log::warn("too many connections, refusing", {{"maxConnections", context_->limits.max_connections}});
  }
  if (full && connections() - served_ >= kMaxRefusals) co_return;
  auto connection = std::make_shared<Connection>(std::move(socket), context_);
  lane->connections.insert(connection);
  if (!full) ++served_;
  runtime::spawn(lane->executor, "http connection",
                 run(shared_from_this(), lane, std::move(connection), !full));
}

// False when every connection is with the handler.
asio::awaitable<bool> Server::Impl::make_room() {
  constexpr int kTries = 3;  // the one that was found may be with the handler by then
  for (int i = 0; i < kTries; ++i) {
    std::optional<Candidate> first;
    const Lane* of_first = nullptr;
    for (const Lane& lane : lanes_) {
      auto candidate = co_await first_of(&lane);
      if (!candidate || (first && !closed_before(candidate->standing, first->standing))) continue;
      first = std::move(candidate);
      of_first = &lane;
    }
    if (!first) break;
    const auto cut_it = [&first] { return cut_if_not_handled(&*first); };
    const bool cut = co_await on_lane(*of_first, cut_it);
    if (!cut) continue;
    ++closed_for_new_;
    co_return true;
  }
  co_return false;
}

asio::awaitable<std::optional<Candidate>> Server::Impl::first_of(const Lane* lane) const {
  if (!context_->apart) co_return first_to_close(lane->connections);
  const Connections all(lane->connections.begin(), lane->connections.end());
  const auto choose_there = [&all] { return choose(&all); };
  auto candidate = co_await on_lane(*lane, choose_there);
  co_return candidate;
}

// Returns when every lane has ended what it was about when this was called.
asio::awaitable<void> Server::Impl::pass_lanes() {
  for (const Lane& lane : lanes_)
    if (context_->apart) co_await on_lane(lane, &nothing);
}

asio::awaitable<void> Server::Impl::run(std::shared_ptr<Impl> self, Lane* lane,
                                        std::shared_ptr<Connection> connection, bool served) {
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
  connection->cut();
  asio::dispatch(self->executor_,
                 [self, lane, connection, served] { self->forget(*lane, connection, served); });
  if (thrown) std::rethrow_exception(thrown);
}

void Server::Impl::forget(Lane& lane, const std::shared_ptr<Connection>& connection, bool served) {
  lane.connections.erase(connection);
  if (served) --served_;
  gone_.notify_all();
}

void Server::Impl::on_all(void (Connection::*act)()) {
  for (const Lane& lane : lanes_)
    for (const auto& connection : lane.connections)
      asio::dispatch(lane.executor, [connection, act] { (*connection.*act)(); });
}

void Server::Impl::close_acceptor() {
  error_code ignored;  // the descriptor is gone whatever close(2) says
  acceptor_.close(ignored);
}

asio::awaitable<bool> Server::Impl::drain(std::chrono::steady_clock::time_point deadline) {
  const auto self = shared_from_this();
  context_->closing = true;
  context_->draining = true;  // first: once the port is closed, no answer promises to take another request
  co_await pass_lanes();
  close_acceptor();
  on_all(&Connection::drain);
  bool in_time = true;
  while (connections() > 0 && in_time) in_time = co_await gone_.wait_until(deadline);
  const bool all_gone = connections() == 0;
  on_all(&Connection::cut);
  co_return all_gone;
}

void Server::Impl::stop() {
  close_acceptor();
  on_all(&Connection::cut);
}

Server::Server(asio::any_io_executor executor, Limits limits, Handler handler, Gate gate,
               std::vector<asio::any_io_executor> lanes)
    : impl_(std::make_shared<Impl>(std::move(executor), limits, std::move(handler), std::move(gate),
                                   std::move(lanes))) {}

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
