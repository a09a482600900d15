// What must hold: judged when somebody is answered, and whenever the loop has come to rest.
#include <algorithm>

#include "pool/engine/driver.h"
#include "pool/engine/simulator/driver/simulator.h"

namespace storagepool::engine::driver_simulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kCoarse{4};  // how late the clock of a release may be
constexpr seconds kStuck{10};       // more than back-offs and hesitations take

std::string name(const char* database) {
  return std::string(" (database ") + database + ")";
}

}  // namespace

// `turn` and `at`: when the connection was handed over, which may be long before its holder runs.
void Simulator::judge_lease(const Client& me, const Session& session, std::uint64_t turn, TimePoint at) {
  const std::string whose = name(kDatabases[me.database]);
  if (session.database != kDatabases[me.database] || session.trial)
    violated("somebody else's session" + whose);
  if (session.leased) violated("two hold one session" + whose);
  if (session.doing != nullptr) violated(std::string("E7: handed out during ") + session.doing + whose);
  if (!session.usable()) violated("E7: an unusable session is handed out" + whose);
  if (session.in_transaction()) violated("E7: handed out in a transaction" + whose);
  if (at > me.deadline + kCoarse) violated("E3: somebody is served after the deadline" + whose);
  if (turn > retired_turn_ && session.era != server_.era)
    violated("E11: a retired session is handed out" + whose);
  if (turn > settings_turn_ && session.statement_timeout != settings_.statement_timeout) {
    violated("a session with old limits is handed out" + whose);
  }
  if (session.dead_at && at - std::max(*session.dead_at, session.released_at) > Driver::kTrusted + kCoarse) {
    violated("E7: a session that was long dead is handed out" + whose);
  }
  if (me.late) violated("a draining pool hands out a connection" + whose);
}

// Whether somebody who was served at once was so while others wait for the same database, as they may have to
// for a moment.
bool Simulator::passes_others(const Client& me) {
  const auto waiting = std::ranges::count_if(clients_, [](const Client& client) { return client.waits; });
  const auto unanswered = engine_ ? engine_->statistics().waiting : 0;
  if (unanswered == 0) return false;
  if (unanswered < waiting) return true;  // whom of them the engine has answered is not known yet
  bool passed = false;
  for (const Client& other : clients_) {
    if (!other.waits || other.database != me.database) continue;
    passed = true;
    if (loop_.now() - other.came >= Core::kPassed) {
      violated("E3: who has waited for long is passed by" + name(kDatabases[me.database]));
    }
  }
  if (passed) see(Seen::kServedBeforeOthers);
  return passed;
}

void Simulator::judge_order_of_service(const Client& me, std::uint64_t turn) {
  const std::string whose = name(kDatabases[me.database]);
  for (const Served& other : served_[me.database]) {
    if ((other.arrival < me.arrival) != (other.turn <= turn)) {
      violated("E3: waiter " + std::to_string(me.arrival) + " is served in turn " + std::to_string(turn) +
               ", waiter " + std::to_string(other.arrival) + " in turn " + std::to_string(other.turn) +
               whose);
    }
  }
  served_[me.database].push_back({me.arrival, turn});
  // Who came before all that still wait cannot be overtaken any more.
  std::uint64_t oldest = me.arrival;
  for (const Client& other : clients_) {
    if (other.waits && other.database == me.database) oldest = std::min(oldest, other.arrival);
  }
  std::erase_if(served_[me.database], [&](const Served& served) { return served.arrival < oldest; });
}

void Simulator::judge_failure(const Client& me, const AcquireError& error, std::uint64_t turn, TimePoint at) {
  const std::string whose = name(kDatabases[me.database]);
  if (me.expected) violated("E2: somebody is not served though all is well" + whose);
  switch (error.reason) {
    case AcquireError::Reason::kDeadlineExceeded:
      if (at < me.deadline) violated("a waiter fails before its deadline" + whose);
      break;
    case AcquireError::Reason::kDraining:
      if (engine_ && !draining_) violated("a waiter is told of a drain that there is not" + whose);
      break;
    case AcquireError::Reason::kDatabaseClosed:
      if (engine_ && !is_closed(me.database) && turn > open_turn_[me.database]) {
        violated("a waiter is told of a closed database that is open" + whose);
      }
      break;
    default:
      break;
  }
}

// Idle, as far as the server can tell.
bool Simulator::is_free(const Session& session) const {
  return !session.leased && session.doing == nullptr && !session.trial;
}

void Simulator::judge_at_rest() {
  server_.at_rest();
  server_.suspended = suspended_;
  server_.closed_databases.clear();
  for (std::size_t database = 0; database < kDatabases.size(); ++database) {
    if (is_closed(database)) server_.closed_databases.emplace_back(kDatabases[database]);
  }
  const bool held = std::ranges::any_of(clients_, [](const Client& client) { return client.holds; });
  if (held || server_.busy() || suspended_) quiet_since_ = loop_.now();
  for (const Client& client : clients_) {
    if (client.waits) judge_waiter(client);
  }
  for (const Order& order : orders_) {
    if (!order.ended) judge_order(order);
  }
  for (const Session* session : server_.sessions()) judge_session(*session);
  judge_counts();
  std::erase_if(clients_, [](const Client& client) { return client.ended; });
  std::erase_if(orders_, [](const Order& order) { return order.ended; });
}

void Simulator::judge_waiter(const Client& waiter) {
  const std::string whose = name(kDatabases[waiter.database]);
  if (waiter.deadline <= loop_.now())
    violated("E2: a waiter is not told that its deadline has passed" + whose);
  if (is_closed(waiter.database)) violated("E2: somebody waits for a closed database" + whose);
  if (suspended_) return;
  // A connection that is checked covers a waiter meanwhile.
  int uncovered = 0;
  for (const Client& other : clients_) {
    if (other.waits && other.database == waiter.database) ++uncovered;
  }
  bool idle = false;
  for (const Session* session : server_.sessions()) {
    if (session->database != kDatabases[waiter.database]) continue;
    if (session->checked) --uncovered;
    if (is_free(*session) && !session->dead_at) idle = true;
  }
  if (idle && uncovered > 0) violated("E2: somebody waits while a connection is idle" + whose);
  if (calm_ && loop_.now() - quiet_since_ > kStuck) {
    violated("E2: somebody waits though the server is well and nothing is under way" + whose);
  }
}

void Simulator::judge_order(const Order& order) {
  using Kind = Order::Kind;
  if (order.latest < loop_.now()) violated("E2: an order has not ended in time");
  const auto none = [&](const auto& counts) {
    return std::ranges::none_of(server_.sessions(), [&](const Session* session) { return counts(*session); });
  };
  if (server_.most_kept() > 0) return;  // tokens that only the engine knows of
  const bool connecting = server_.connecting() > 0;
  if (order.kind == Kind::kCloseDatabase && !connecting &&
      none([&](const Session& session) { return session.database == kDatabases[order.database]; })) {
    violated("E2: who closes a database is not told that it has no connection any more");
  }
  if (order.kind == Kind::kSuspend && !connecting && server_.sessions().empty()) {
    violated("E2: who suspends the pool is not told that it has no connection any more");
  }
  if (order.kind == Kind::kDrain && !connecting && server_.sessions().empty() &&
      std::ranges::none_of(clients_, [](const Client& client) { return client.waits; })) {
    violated("E2: who drains the pool is not told that it is over");
  }
  if (order.kind == Kind::kTrial && !draining_ && !suspended_ && server_.connecting_trials() == 0 &&
      none([](const Session& session) { return session.trial; }) &&
      server_.connecting() + static_cast<int>(server_.sessions().size()) < settings_.max_open_conns) {
    violated("E2: a trial waits while a token is free");
  }
}

void Simulator::judge_session(const Session& session) {
  if (!is_free(session)) return;
  const auto whose = name(session.database.c_str());
  const TimePoint now = loop_.now();
  if (session.dead_at && now - std::max(*session.dead_at, session.released_at) > Driver::kSweepPeriod) {
    violated("E2: an idle session that died is kept" + whose);
  }
  if (session.era != server_.era) violated("E11: a retired session is kept" + whose);
  if (suspended_) violated("a suspended pool keeps a session" + whose);
  if (std::ranges::count(server_.closed_databases, session.database) > 0) {
    violated("a closed database keeps a session" + whose);
  }
}

// The engine's own numbers are the server's, and its owner was told of each event.
void Simulator::judge_counts() {
  if (!engine_) return;
  const Statistics statistics = engine_->statistics();
  const auto count = [&](const auto& counts) {
    return std::ranges::count_if(server_.sessions(),
                                 [&](const Session* session) { return counts(*session); });
  };
  const auto idle = count([&](const Session& session) { return is_free(session); });
  const auto trials = count([](const Session& session) { return session.trial; });
  const auto waiting = std::ranges::count_if(clients_, [](const Client& client) { return client.waits; });
  const auto first = count([](const Session& session) { return session.asks_first; });
  // A trial counts as a connect until it has ended.
  const auto opening = server_.connecting() + trials + first;
  const auto sessions = static_cast<std::int64_t>(server_.sessions().size()) - trials - first;
  const auto compare = [this](const char* what, std::int64_t engines, std::int64_t server) {
    if (engines == server) return;
    violated(std::string("E2: the engine counts ") + std::to_string(engines) + " " + what +
             ", and there are " + std::to_string(server));
  };
  compare("idle connections", statistics.idle, idle);
  compare("connects under way", statistics.opening, opening);
  const auto kept = statistics.open + statistics.closing - sessions;
  if (kept < 0 || kept > server_.most_kept())
    compare("connections", statistics.open + statistics.closing, sessions);
  compare("waiters", statistics.waiting, waiting);
  if (told_connected_ + first != server_.connected) violated("the owner is not told of each connect");
  if (told_failed_ != server_.failed) violated("the owner is not told of each failed connect");
  if (told_lost_ != server_.shown_dead) violated("the owner is not told of each lost session");
}

// Nobody waits any more for what will not come.
void Simulator::judge_after_end() {
  using enum Order::Kind;
  if (std::ranges::any_of(clients_, [](const Client& client) { return client.waits; })) {
    violated("E2: somebody waits after the engine's end");
  }
  if (under_way(kDrain) || under_way(kSuspend) || under_way(kCloseDatabase)) {
    violated("E2: who gave an order waits after the engine's end");
  }
}

}  // namespace storagepool::engine::driver_simulator
