#include "pool/engine/core/core.h"

#include <algorithm>

#include "pool/common/runtime/check.h"

namespace storagepool::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kRetrySoon{1};
// For how long the failures of a database that nobody uses are remembered after the next attempt is due.
constexpr seconds kRememberFailures{5};
constexpr std::int64_t kFirstAtATime = 2;  // connects, once one has succeeded after an outage

AcquireError make_error(AcquireError::Reason reason, std::string detail) {
  return {reason, std::move(detail), milliseconds(kRetrySoon)};
}

}  // namespace

Core::Core(std::string system_database, const settings::Settings& settings, std::mt19937_64 random)
    : system_database_(std::move(system_database)),
      settings_(settings),
      random_(random),
      demand_(limits(settings)),
      eviction_(settings.acquire_timeout) {}

WaiterId Core::acquire(TimePoint now, std::string_view name, TimePoint deadline) {
  const WaiterId id = demand_.admit();  // first, so that its place is not that of one who expires now
  advance(now);
  const std::uint32_t index = enter_database(now, name);
  const Database& database = databases_[index];
  const auto waiter = demand_.find(id);
  demand_.enqueue(waiter, index, now, std::min(deadline, now + settings_.acquire_timeout));
  if (draining_) {
    fail(now, waiter, make_error(AcquireError::Reason::kDraining, "the connection pool is shutting down"));
  } else if (database.closers > 0) {
    fail(now, waiter, closed_error(database));
  } else if (demand_[waiter].deadline <= now) {
    fail(now, waiter, deadline_error(now, index));
  } else if (in_vain(now, index)) {
    fail(now, waiter, connect_error(now, database));
  } else {
    serve_from_idle(now, index);
  }
  settle(now, index);
  if (demand_.find(id) == kNone) return id;
  if (demand_.uncovered(index) > 0) {
    // Callers for whom a connection is on its way do not count: maxWaiters bounds those who wait for
    // somebody else's.
    if (demand_.uncovered() - held_tokens() > settings_.max_waiters && waits_for_release(now, index)) {
      refuse_one(now, waiter);
      if (demand_.find(id) == kNone) return id;
    }
    demand_[waiter].counted = true;
    ++statistics_.wait_count;
  }
  deadlines_.push(demand_[waiter].deadline, id, demand_.size(),
                  [&](WaiterId other) { return demand_.find(other) != kNone; });
  return id;
}

// Somebody has to go: the newcomer, unless another database has more waiters than its equal part of the
// places. (As the longest queue is cut in fair queueing, McKenney 1991.)
void Core::refuse_one(TimePoint now, std::uint32_t newcomer) {
  std::uint32_t index = demand_[newcomer].database;
  std::uint32_t refused = newcomer;
  if (demand_.uncovered(index) * demand_.uncovered_databases() <= settings_.max_waiters) {
    index = demand_.longest();
    refused = demand_.back(index);
  }
  fail(
      now, refused,
      make_error(AcquireError::Reason::kTooManyWaiters, "too many callers wait for a database connection (" +
                                                            std::to_string(settings_.max_waiters) + " may)"));
  settle(now, index);
}

void Core::release(TimePoint now, ConnectionId id, bool reusable) {
  advance(now);
  const auto index = expect(id, State::kInUse, "release of a connection that nobody holds");
  if (index == kNone) return dispatch(now);
  const std::uint32_t at = connections_[index].database;
  --population_.in_use;
  if (reusable) {
    place(now, index);
  } else {
    close(index);
  }
  settle(now, at);
}

void Core::opened(TimePoint now, ConnectionId id) {
  advance(now);
  const auto index = expect(id, State::kOpening, "news of a connect that is not under way");
  if (index == kNone) return dispatch(now);
  Connection& connection = connections_[index];
  const std::uint32_t at = connection.database;
  --population_.opening;
  window_.succeeded(now - connection.began, static_cast<double>(settings_.max_open_conns));
  connection.opened_at = now;
  connection.lifetime_permille = std::uniform_int_distribution<std::uint16_t>(900, 1000)(random_);
  answered_connect();
  databases_[at].backoff.succeeded();
  place(now, index);  // before its waiter counts as one for whom nothing is made
  demand_.connect_ended(at);
  allow(now, at);
  settle(now, at);
}

void Core::open_failed(TimePoint now, ConnectionId id, OpenFailure failure) {
  advance(now);
  const auto index = expect(id, State::kOpening, "failure of a connect that is not under way");
  if (index == kNone) return dispatch(now);
  const std::uint32_t at = connections_[index].database;
  const TimePoint started = connections_[index].began;
  // What was wrong with a connect from before `retire`, say its credentials, may have been put right since.
  const bool lasting = failure.lasting && connections_[index].era == era_;
  Database& database = databases_[at];
  --population_.opening;
  ++statistics_.connect_failures;
  forget(index);
  demand_.connect_failed(at);
  if (failure.database_only) {
    answered_connect();  // to these credentials
    database.backoff.failed(now, started, lasting, std::move(failure.detail), random_);
    allow(now, at);
    if (database.backoff.waiting(now)) {
      retries_.push(database.backoff.retry_at(), databases_.id(at), databases_.size(),
                    [&](std::uint64_t other) { return databases_.find(other) != kNone; });
    }
    fail_in_vain(now, at);
  } else {
    server_.failed(now, started, lasting, std::move(failure.detail), random_);
    for (auto other = lasting ? demand_.first() : kNone; other != kNone;) {
      const auto next = demand_.next(other);
      fail_in_vain(now, other);
      other = next;
    }
  }
  settle(now, at);
}

void Core::validated(TimePoint now, ConnectionId id, bool alive) {
  advance(now);
  const auto index = expect(id, State::kValidating, "answer to a check that is not under way");
  if (index == kNone) return dispatch(now);
  const std::uint32_t at = connections_[index].database;
  --population_.in_use;
  if (alive) {
    place(now, index);
  } else {
    doubted_ = now;
    close(index);
  }
  demand_.check_ended(at);
  serve_from_idle(now, at);
  settle(now, at);
}

void Core::closed(TimePoint now, ConnectionId id) {
  advance(now);
  const auto index = expect(id, State::kClosing, "end of a socket that is not closing");
  if (index == kNone) return dispatch(now);
  const std::uint32_t at = connections_[index].database;
  --population_.closing;
  if (!databases_[at].system) --ordinary_closing_;
  forget(index);
  demand_.close_ended(at);
  settle(now, at);
}

void Core::lost(TimePoint now, ConnectionId id) {
  advance(now);
  doubted_ = now;
  const auto index = find(id, State::kIdle);
  if (index == kNone) return dispatch(now);  // its time was over as well, so that it is closing already
  leave_idle(index);
  close(index);
  settle(now, connections_[index].database);
}

void Core::doubt(TimePoint now) {
  advance(now);
  doubted_ = now;
  dispatch(now);
}

// The server took or refused a connect: an outage, if there was one, is over, and the pool comes back little
// by little, for the server may have to recover as well, and other pools do the same.
void Core::answered_connect() {
  if (server_.failing()) {
    at_a_time_ = kFirstAtATime;
  } else if (at_a_time_ != kUnbounded) {
    ++at_a_time_;
    if (at_a_time_ > settings_.max_open_conns) at_a_time_ = kUnbounded;
  }
  server_.succeeded();
}

void Core::tick(TimePoint now) {
  advance(now);
  dispatch(now);
}

void Core::take_actions(std::vector<Action>& actions) {
  actions.clear();
  actions.swap(actions_);
}

std::optional<TimePoint> Core::next_timer() const {
  TimePoint next = std::min({deadlines_.next(), retries_.next(), look_again_});
  if (idle_size() > 0) next = std::min({next, idle_time_check_, lifetime_check_});
  // A back-off that is over was looked at by the last dispatch; what still waits then waits for something
  // else.
  if (demand_.queue_anywhere() && server_.waiting(now_)) next = std::min(next, server_.retry_at());
  if (next == TimePoint::max()) return std::nullopt;
  return next;
}

std::optional<ConnectionId> Core::candidate(std::string_view name) const {
  const std::uint32_t index = find_database(name);
  if (index == kNone || databases_[index].idle.empty()) return std::nullopt;
  return connections_.id(databases_[index].idle.back());
}

bool Core::idle(ConnectionId id) const {
  return find(id, State::kIdle) != kNone;
}

// The index of a connection in this state, else kNone.
std::uint32_t Core::find(ConnectionId id, State state) const {
  const auto index = connections_.find(id);
  return index != kNone && connections_[index].state == state ? index : kNone;
}

// The same where anything else is a fault of the caller's.
std::uint32_t Core::expect(ConnectionId id, State state, std::string_view otherwise) const {
  const auto index = find(id, state);
  const auto there = [&] {
    const auto found = connections_.find(id);
    return found == kNone ? -1 : static_cast<int>(connections_[found].state);
  };
  STORAGEPOOL_EXPECT(index != kNone, otherwise, {"connection", id}, {"expected", state}, {"state", there()});
  return index;
}

Statistics Core::statistics() const {
  Statistics now = statistics_;
  now.max_open = settings_.max_open_conns;
  now.opening = population_.opening + (trial_has_token() ? 1 : 0);
  now.closing = population_.closing;
  now.in_use = population_.in_use;
  now.idle = idle_size();
  now.open = now.in_use + now.idle;
  now.waiting = static_cast<std::int64_t>(demand_.size());
  return now;
}

// What time alone brings about. Every event begins with it, so that nothing is given to an expired waiter and
// no expired connection is given to anybody, however late the tick is.
void Core::advance(TimePoint now) {
  now_ = now;
  while (const WaiterId id = deadlines_.pop_due(now)) {
    const auto waiter = demand_.find(id);
    if (waiter != kNone) fail(now, waiter, deadline_error(now, demand_[waiter].database));
  }
  while (const std::uint64_t id = retries_.pop_due(now)) {
    const auto at = databases_.find(id);
    if (at != kNone) allow(now, at);
  }
  close_expired(now);
}

// Ends every event that concerns a database.
void Core::settle(TimePoint now, std::uint32_t index) {
  dispatch(now);
  if (demand_.sockets(index) == 0) leave_database(now, index);
}

std::uint32_t Core::enter_database(TimePoint now, std::string_view name) {
  const std::uint32_t found = find_database(name);
  return found != kNone ? found : add_database(now, name);
}

std::uint32_t Core::add_database(TimePoint now, std::string_view name) {
  if (databases_.size() >= sweep_at_) {
    for (std::uint32_t index = 0; index < databases_.end(); ++index) {
      if (databases_.used(index)) leave_database(now, index);
    }
    sweep_at_ = std::max<std::size_t>(64, 2 * databases_.size());
  }
  const auto index = static_cast<std::uint32_t>(databases_.insert({}));
  databases_[index].name = by_name_.emplace(name, index).first->first;
  databases_[index].system = name == system_database_;
  demand_.enter(index, databases_[index].system);
  return index;
}

// Forgets a database without connections and waiters, so that their number is not bounded by memory but by
// use.
void Core::leave_database(TimePoint now, std::uint32_t index) {
  const Database& database = databases_[index];
  if (!databases_.used(index) || demand_.sockets(index) > 0 || !demand_.empty(index) || database.closers > 0)
    return;
  if (database.backoff.failing() && now < database.backoff.retry_at() + kRememberFailures) return;
  demand_.leave(index);
  by_name_.erase(by_name_.find(database.name));
  databases_.erase(index);
}

// What the back-off of a database lets it do now; looked at again when it ends.
void Core::allow(TimePoint now, std::uint32_t index) {
  const Backoff& backoff = databases_[index].backoff;
  demand_.allow(index, backoff.waiting(now) ? Demand::Connects::kNotNow
                       : backoff.failing()  ? Demand::Connects::kOneAtATime
                                            : Demand::Connects::kFreely);
}

void Core::answered(TimePoint now, std::uint32_t waiter) {
  if (demand_[waiter].counted) statistics_.wait_duration += now - demand_[waiter].arrived;
  demand_.dequeue(waiter);
}

void Core::fail(TimePoint now, std::uint32_t waiter, AcquireError error) {
  actions_.emplace_back(Fail{demand_.id(waiter), std::move(error)});
  answered(now, waiter);
}

bool Core::in_vain(TimePoint now, std::uint32_t index) const {
  const auto hopeless = [&](const Backoff& backoff) { return backoff.lasting() && backoff.waiting(now); };
  return demand_.live(index) == 0 && (hopeless(server_) || hopeless(databases_[index].backoff));
}

void Core::fail_in_vain(TimePoint now, std::uint32_t index) {
  if (!in_vain(now, index)) return;
  const AcquireError error = connect_error(now, databases_[index]);
  while (!demand_.empty(index)) fail(now, demand_.front(index), error);
  leave_database(now, index);
}

AcquireError Core::connect_error(TimePoint now, const Database& database) const {
  const Backoff& backoff = database.backoff.failing() ? database.backoff : server_;
  AcquireError error = make_error(AcquireError::Reason::kConnectFailed, backoff.detail());
  if (backoff.waiting(now)) {
    error.retry_after =
        std::max<milliseconds>(kRetrySoon, std::chrono::ceil<seconds>(backoff.retry_at() - now));
  }
  return error;
}

AcquireError Core::closed_error(const Database& database) {
  return make_error(AcquireError::Reason::kDatabaseClosed,
                    "the database " + std::string(database.name) + " is closed to new work");
}

AcquireError Core::deadline_error(TimePoint now, std::uint32_t index) const {
  const Database& database = databases_[index];
  if (draining_) return make_error(AcquireError::Reason::kDraining, "the connection pool is shutting down");
  // An attempt may be under way at this moment: what went wrong before is still the best that can be said.
  if (demand_.live(index) == demand_.opening(index) && (server_.failing() || database.backoff.failing()))
    return connect_error(now, database);
  if (suspended_) {
    return make_error(AcquireError::Reason::kDeadlineExceeded,
                      "no connection to " + std::string(database.name) +
                          " was handed out in time: the connection pool is suspended");
  }
  return make_error(AcquireError::Reason::kDeadlineExceeded,
                    "no connection to " + std::string(database.name) + " became free in time (" +
                        std::to_string(population_.in_use) + " in use of at most " +
                        std::to_string(settings_.max_open_conns) + ")");
}

}  // namespace storagepool::engine
