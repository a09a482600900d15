// Those who use the pool, and its owner.
#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/engine/simulator/driver/simulator.h"

namespace storagepool::engine::driver_simulator {
namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

void start(const asio::any_io_executor& executor, asio::awaitable<void> work) {
  asio::co_spawn(executor, std::move(work), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

}  // namespace

asio::any_io_executor Simulator::some_executor() {
  if (chance(0.7)) return loop_.get_executor();
  return asio::make_strand(asio::any_io_executor(loop_.get_executor()));
}

asio::awaitable<void> Simulator::pause(nanoseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, loop_.now() + time);
  co_await timer.async_wait(asio::use_awaitable);
}

void Simulator::acquire() {
  const TimePoint now = loop_.now();
  const auto patience = chance(0.1)   ? nanoseconds(0)
                        : chance(0.5) ? up_to(milliseconds(20))
                        : chance(0.5) ? up_to(seconds(2))
                                      : nanoseconds(seconds(60));
  acquire_until(below(kDatabases.size()), now + patience);
}

Simulator::Client& Simulator::acquire_until(std::size_t database, TimePoint deadline) {
  Client& client = clients_.emplace_back();
  client.database = database;
  client.asked = deadline;
  start(some_executor(), use(client, engine_->acquire(kDatabases[database], deadline)));
  return client;
}

void Simulator::burst() {
  for (auto count = below(12); count > 0; --count) acquire();
}

asio::awaitable<void> Simulator::use(Client& me, asio::awaitable<Acquired> acquiring) {
  me.deadline = std::min(me.asked, loop_.now() + settings_.acquire_timeout);
  me.arrival = ++arrivals_;
  me.came = loop_.now();
  report_.note("waiter", me.arrival, "comes for", kDatabases[me.database]);
  me.waits = true;
  me.late = draining_ || !engine_;
  quiet_since_ = loop_.now();
  const std::uint64_t began = loop_.turn();
  Acquired answer = co_await std::move(acquiring);
  me.waits = false;
  const bool waited = loop_.turn() != began;
  // Who was served at once was so after all that is ready by now, in this order.
  const std::uint64_t turn = waited ? loop_.turn() : this_turn();
  const TimePoint at = waited ? loop_.turn_began() : loop_.now();
  if (answer) {
    auto& session = static_cast<Session&>(**answer);
    report_.note("waiter", me.arrival, "has a connection to", kDatabases[me.database]);
    see(waited ? Seen::kServedAfterWait : Seen::kServed);
    judge_lease(me, session, turn, at);
    if (waited || !passes_others(me)) judge_order_of_service(me, turn);
    me.holds = session.leased = true;
    co_await hold(session);
    report_.note("waiter", me.arrival, "gives its connection to", kDatabases[me.database], "back");
    me.holds = session.leased = false;
    session.released_at = loop_.now();
    std::exchange(answer, tl::unexpected(AcquireError()));
    if (engine_ && chance(0.3)) co_await use_again(me.database);
  } else {
    report_.note("waiter", me.arrival, "has no connection to", kDatabases[me.database] + std::string(":"),
                 answer.error().detail);
    see(Seen::kFailed);
    judge_failure(me, answer.error(), turn, at);
  }
  me.ended = true;
}

// Within the same turn of the loop.
asio::awaitable<void> Simulator::use_again(std::size_t database) {
  Client& client = clients_.emplace_back();
  client.database = database;
  client.asked = loop_.now() + seconds(60);
  co_await use(client, engine_->acquire(kDatabases[database], client.asked));
}

asio::awaitable<void> Simulator::hold(Session& session) {
  const bool begins = chance(0.3);
  if (begins) co_await session.execute("BEGIN", loop_.now() + seconds(1));
  for (auto statements = below(3); statements > 0 && session.usable(); --statements) {
    co_await session.execute("SELECT", loop_.now() + up_to(seconds(1)));
  }
  if (!calm_ && chance(0.1)) co_await pause(up_to(seconds(3)));
  if (begins && session.usable() && chance(0.5)) {
    co_await session.execute("ROLLBACK", loop_.now() + seconds(1));
  }
  if (session.in_transaction()) see(Seen::kRolledBack);
}

Simulator::Order& Simulator::begin(Order::Kind kind, TimePoint latest, std::size_t database) {
  Order& order = orders_.emplace_back();
  order.kind = kind;
  order.latest = latest;
  order.database = database;
  return order;
}

bool Simulator::under_way(Order::Kind kind) const {
  return std::ranges::any_of(orders_, [&](const Order& order) { return order.kind == kind && !order.ended; });
}

void Simulator::reconfigure() {
  const auto before = settings_.max_open_conns;
  settings_ = random_settings();
  settings_turn_ = this_turn();
  quiet_since_ = loop_.now();
  report_.note("reconfigure: maxOpenConns", settings_.max_open_conns);
  if (settings_.max_open_conns < before) see(Seen::kShrunk);
  server_.limit(static_cast<int>(settings_.max_open_conns));
  engine_->reconfigure(settings_);
}

void Simulator::retire() {
  report_.note("retire");
  see(Seen::kRetired);
  retired_turn_ = this_turn();
  ++server_.era;
  engine_->retire_connections();
}

void Simulator::suspend() {
  if (under_way(Order::Kind::kSuspend) || suspended_) return;
  const TimePoint deadline = loop_.now() + up_to(seconds(3));
  Order& order = begin(Order::Kind::kSuspend, deadline);
  start(some_executor(), carry_out(order, engine_->suspend(deadline)));
}

void Simulator::resume() {
  if (!suspended_) return;
  report_.note("resume");
  suspended_ = server_.suspended = false;
  quiet_since_ = loop_.now();
  engine_->resume();
}

void Simulator::drain() {
  if (under_way(Order::Kind::kDrain) || draining_) return;
  const TimePoint deadline = loop_.now() + up_to(seconds(10));
  Order& order = begin(Order::Kind::kDrain, deadline);
  start(some_executor(), carry_out(order, engine_->drain(deadline)));
}

asio::awaitable<void> Simulator::carry_out(Order& order, asio::awaitable<bool> work) {
  const bool drains = order.kind == Order::Kind::kDrain;
  report_.note(drains ? "drain" : "suspend");
  see(drains ? Seen::kDrained : Seen::kSuspended);
  (drains ? draining_ : suspended_) = true;
  if (drains) {
    for (Client& client : clients_) client.deadline = std::min(client.deadline, order.latest);
  }
  const bool done = co_await std::move(work);
  order.ended = true;
  report_.note(drains ? "drained:" : "suspended:", static_cast<int>(done));
  if (done && (server_.connecting() > 0 || !server_.sessions().empty())) {
    violated("a drain or a suspension is over while there are sockets");
  }
  if (!done && engine_ && loop_.now() < order.latest && (drains || suspended_)) {
    violated("a drain or a suspension is given up before its deadline");
  }
}

void Simulator::try_connect() {
  if (under_way(Order::Kind::kTrial)) return;
  constexpr seconds kLetGo{20};  // of the server, and how late a loop may be
  const TimePoint deadline = loop_.now() + up_to(seconds(3));
  postgres::ConnectOptions options;
  options.user = kTrialUser;
  options.database = kDatabases[0];
  Order& order = begin(Order::Kind::kTrial, deadline + kLetGo);
  order.deadline = deadline;
  auto trial =
      [this, &order](postgres::Connection& session) -> asio::awaitable<tl::expected<void, postgres::Error>> {
    order.deadline = loop_.now();
    const auto answer = co_await session.execute("SELECT", loop_.now() + seconds(1));
    if (!answer) co_return tl::unexpected(answer.error());
    co_return tl::expected<void, postgres::Error>();
  };
  start(some_executor(), carry_out_trial(order, engine_->try_connect(options, std::move(trial), deadline)));
}

asio::awaitable<void> Simulator::carry_out_trial(Order& order,
                                                 asio::awaitable<tl::expected<void, postgres::Error>> work) {
  report_.note("trial");
  const auto result = co_await std::move(work);
  order.ended = true;
  report_.note("trial ended");
  if (result) see(Seen::kTrial);
  const auto& sessions = server_.sessions();
  if (server_.connecting_trials() > 0 ||
      std::ranges::any_of(sessions, [](const Session* session) { return session->trial; })) {
    violated("E1: a trial is over while it has a socket");
  }
  if (!result && result.error().error_class == postgres::ErrorClass::kTimeout && engine_ && !draining_ &&
      loop_.now() < order.deadline) {
    violated("a trial is given up before its deadline");
  }
}

void Simulator::close_database() {
  const std::size_t database = 1 + below(kDatabases.size() - 1);
  const TimePoint deadline = loop_.now() + up_to(seconds(3));
  Order& order = begin(Order::Kind::kCloseDatabase, deadline, database);
  start(some_executor(), carry_out_close(order, engine_->close_database(kDatabases[database], deadline)));
}

asio::awaitable<void> Simulator::carry_out_close(
    Order& order, asio::awaitable<tl::expected<ClosedDatabase, AcquireError>> work) {
  const std::string database = kDatabases[order.database];
  report_.note("close database", database);
  ++closing_[order.database];
  auto closed = co_await std::move(work);
  order.ended = true;
  report_.note("closed database", database, static_cast<int>(closed.has_value()));
  if (closed) {
    see(Seen::kClosedDatabase);
    const auto& sessions = server_.sessions();
    if (std::ranges::any_of(sessions, [&](const Session* one) { return one->database == database; })) {
      violated("a closed database has sessions");
    }
    guards_.emplace_back(order.database, std::move(*closed));
  } else {
    opened_again(order.database);
    if (engine_ && loop_.now() < order.latest) violated("closing a database is given up before its deadline");
  }
}

void Simulator::reopen_database() {
  if (guards_.empty()) return;
  const std::size_t database = guards_.front().first;
  report_.note("reopen database", kDatabases[database]);
  opened_again(database);
  guards_.pop_front();
}

// By one of those who closed it.
void Simulator::opened_again(std::size_t database) {
  --closing_[database];
  open_turn_[database] = this_turn();
  std::erase(server_.closed_databases, kDatabases[database]);  // until at rest, when others keep it closed
  quiet_since_ = loop_.now();
}

void Simulator::change_weather() {
  weather();
}
void Simulator::restart_server() {
  server_.restart();
}
void Simulator::lose_session() {
  server_.lose_one();
}
void Simulator::cut_sessions() {
  server_.cut_off(chance(0.3));
}
void Simulator::wake_session() {
  server_.wake_one();
}

}  // namespace storagepool::engine::driver_simulator
