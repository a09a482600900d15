#include "pool/engine/core.h"

#include <algorithm>

namespace storagepool::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kRetrySoon{1};
// For how long the failures of a database that nobody uses are remembered after the next attempt is due.
constexpr seconds kRememberFailures{5};

AcquireError make_error(AcquireError::Reason reason, std::string detail) {
  return {reason, std::move(detail), milliseconds(kRetrySoon)};
}

}  // namespace

Core::Core(std::string system_database, const settings::Settings& settings, std::mt19937_64 random)
    : system_database_(std::move(system_database)), settings_(settings), random_(random) {}

WaiterId Core::acquire(TimePoint now, std::string_view name, TimePoint deadline) {
  const WaiterId id = waiters_.insert({});  // first, so that its place is not that of one who expires now
  advance(now);
  const std::uint32_t index = enter_database(now, name);
  Database& database = databases_[index];
  const auto waiter = waiters_.find(id);
  waiters_[waiter] = {.database = index,
                      .turn = ++turns_,
                      .arrived = now,
                      .deadline = std::min(deadline, now + settings_.acquire_timeout)};
  enqueue(waiter);
  if (draining_) {
    fail(now, waiter, make_error(AcquireError::Reason::kDraining, "the connection pool is shutting down"));
  } else if (database.closers > 0) {
    fail(now, waiter, closed_error(database));
  } else if (waiters_[waiter].deadline <= now) {
    fail(now, waiter, deadline_error(now, database));
  } else if (in_vain(now, database)) {
    fail(now, waiter, connect_error(now, database));
  } else if (database.idle.empty() && too_many_waiters(now, index)) {
    fail(now, waiter,
         make_error(AcquireError::Reason::kTooManyWaiters,
                    "too many callers wait for a database connection (" +
                        std::to_string(settings_.max_waiters) + " may)"));
  } else {
    serve_from_idle(now, index);
    dispatch(now);
    if (waiters_.find(id) != kNone) {
      if (database.uncovered() > 0) {
        waiters_[waiter].counted = true;
        ++statistics_.wait_count;
      }
      deadlines_.push(waiters_[waiter].deadline, id, waiters_.size(),
                      [&](WaiterId other) { return waiters_.find(other) != kNone; });
    }
  }
  leave_database(now, index);
  return id;
}

void Core::cancel(TimePoint now, WaiterId id) {
  advance(now);
  const auto waiter = waiters_.find(id);
  if (waiter == kNone) return;
  dequeue(now, waiter);
  dispatch(now);
}

void Core::release(TimePoint now, ConnectionId id, bool reusable) {
  advance(now);
  const auto connection = connections_.find(id);
  if (connection == kNone || connections_[connection].state != State::kInUse) return;
  --statistics_.in_use;
  if (reusable) {
    place(now, connection);
  } else {
    close(connection);
  }
  dispatch(now);
}

void Core::opened(TimePoint now, ConnectionId id) {
  advance(now);
  const auto index = connections_.find(id);
  if (index == kNone || connections_[index].state != State::kOpening) return;
  Connection& connection = connections_[index];
  Database& database = databases_[connection.database];
  --database.opening;
  --statistics_.opening;
  connection.opened_at = now;
  connection.lifetime_share = std::uniform_real_distribution<double>(0.9, 1.0)(random_);
  server_.succeeded();
  database.backoff.succeeded();
  place(now, index);
  dispatch(now);
}

void Core::open_failed(TimePoint now, ConnectionId id, OpenFailure failure) {
  advance(now);
  const auto index = connections_.find(id);
  if (index == kNone || connections_[index].state != State::kOpening) return;
  const std::uint32_t at = connections_[index].database;
  const TimePoint started = connections_[index].since;
  // What was wrong with a connect from before `retire`, say its credentials, may have been put right since.
  const bool lasting = failure.lasting && connections_[index].era == era_;
  Database& database = databases_[at];
  --database.opening;
  --statistics_.opening;
  ++statistics_.connect_failures;
  forget(index);
  if (failure.database_only) {
    server_.succeeded();  // it answered, to these credentials
    database.backoff.failed(now, started, lasting, std::move(failure.detail), random_);
  } else {
    server_.failed(now, started, lasting, std::move(failure.detail), random_);
  }
  const auto waiting = waiting_;
  for (const auto other : waiting) fail_in_vain(now, other);
  dispatch(now);
  leave_database(now, at);
}

void Core::validated(TimePoint now, ConnectionId id, bool alive) {
  advance(now);
  const auto index = connections_.find(id);
  if (index == kNone || connections_[index].state != State::kValidating) return;
  const std::uint32_t at = connections_[index].database;
  --databases_[at].validating;
  --statistics_.in_use;
  if (alive) {
    place(now, index);
  } else {
    close(index);
  }
  serve_from_idle(now, at);
  dispatch(now);
}

void Core::closed(TimePoint now, ConnectionId id) {
  advance(now);
  const auto index = connections_.find(id);
  if (index == kNone || connections_[index].state != State::kClosing) return;
  const std::uint32_t at = connections_[index].database;
  --databases_[at].closing;
  --statistics_.closing;
  if (!databases_[at].system) --others_closing_;
  forget(index);
  dispatch(now);
  leave_database(now, at);
}

void Core::lost(TimePoint now, ConnectionId id) {
  advance(now);
  const auto index = connections_.find(id);
  if (index == kNone || connections_[index].state != State::kIdle) return;
  leave_idle(index);
  close(index);
  dispatch(now);
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
  TimePoint next = deadlines_.next();
  if (!idle_.empty()) {
    next = std::min(next, lifetime_check_);
    if (settings_.conn_max_idle_time.count() > 0) {
      next = std::min(next, connections_[idle_.front()].since + settings_.conn_max_idle_time);
    }
  }
  // A back-off that is over was looked at by the last dispatch; what still waits then waits for something
  // else.
  if (!waiting_.empty() && server_.waiting(now_)) next = std::min(next, server_.retry_at());
  for (const auto index : waiting_) {
    const Backoff& backoff = databases_[index].backoff;
    if (backoff.waiting(now_)) next = std::min(next, backoff.retry_at());
  }
  if (next == TimePoint::max()) return std::nullopt;
  return next;
}

std::optional<ConnectionId> Core::candidate(std::string_view name) const {
  const std::uint32_t index = find_database(name);
  if (index == kNone || databases_[index].idle.empty()) return std::nullopt;
  return connections_.id(databases_[index].idle.back());
}

bool Core::idle(ConnectionId id) const {
  const auto index = connections_.find(id);
  return index != kNone && connections_[index].state == State::kIdle;
}

Statistics Core::statistics() const {
  Statistics now = statistics_;
  now.max_open = settings_.max_open_conns;
  now.idle = static_cast<std::int64_t>(idle_.size());
  now.open = now.in_use + now.idle;
  now.waiting = static_cast<std::int64_t>(waiters_.size());
  return now;
}

// What time alone brings about. Every event begins with it, so that nothing is given to an expired waiter and
// no expired connection is given to anybody, however late the tick is.
void Core::advance(TimePoint now) {
  now_ = now;
  while (const WaiterId id = deadlines_.pop_due(now)) {
    const auto waiter = waiters_.find(id);
    if (waiter == kNone) continue;
    fail(now, waiter, deadline_error(now, databases_[waiters_[waiter].database]));
  }
  close_expired(now);
}

TimePoint Core::lifetime_end(const Connection& connection) const {
  if (settings_.conn_max_lifetime.count() == 0) return TimePoint::max();
  const auto lifetime =
      std::chrono::duration<double>(settings_.conn_max_lifetime) * connection.lifetime_share;
  return connection.opened_at + std::chrono::duration_cast<std::chrono::nanoseconds>(lifetime);
}

void Core::close_expired(TimePoint now) {
  while (settings_.conn_max_idle_time.count() > 0 && !idle_.empty() &&
         connections_[idle_.front()].since + settings_.conn_max_idle_time <= now) {
    const auto oldest = idle_.front();
    leave_idle(oldest);
    close(oldest);
    ++statistics_.max_idle_time_closed;
  }
  if (lifetime_check_ > now) return;
  lifetime_check_ = TimePoint::max();
  for (auto index = idle_.front(); index != kNone;) {
    const auto next = connections_[index].all_idle.next;
    const TimePoint end = lifetime_end(connections_[index]);
    if (end <= now) {
      leave_idle(index);
      close(index);
      ++statistics_.max_lifetime_closed;
    } else {
      lifetime_check_ = std::min(lifetime_check_, end);
    }
    index = next;
  }
}

std::uint32_t Core::enter_database(TimePoint now, std::string_view name) {
  if (const std::uint32_t found = find_database(name); found != kNone) return found;
  if (databases_.size() >= sweep_at_) {
    for (std::uint32_t index = 0; index < databases_.end(); ++index) {
      if (databases_.used(index)) leave_database(now, index);
    }
    sweep_at_ = std::max<std::size_t>(64, 2 * databases_.size());
  }
  const auto index = static_cast<std::uint32_t>(databases_.insert({}));
  databases_[index].name = std::string(name);
  databases_[index].system = name == system_database_;
  by_name_.emplace(databases_[index].name, index);
  return index;
}

// Forgets a database without connections and waiters, so that their number is not bounded by memory but by
// use.
void Core::leave_database(TimePoint now, std::uint32_t index) {
  const Database& database = databases_[index];
  if (!databases_.used(index) || database.total > 0 || !database.waiters.empty() || database.closers > 0)
    return;
  if (database.backoff.failing() && now < database.backoff.retry_at() + kRememberFailures) return;
  by_name_.erase(database.name);
  databases_.erase(index);
}

void Core::enqueue(std::uint32_t waiter) {
  Database& database = databases_[waiters_[waiter].database];
  if (database.waiters.empty()) {
    database.promised = 0;
    waiting_.push_back(waiters_[waiter].database);
  }
  database.waiters.push_back(waiters_, waiter);
}

void Core::dequeue(TimePoint now, std::uint32_t waiter) {
  Database& database = databases_[waiters_[waiter].database];
  database.waiters.erase(waiters_, waiter);
  if (database.waiters.empty()) std::erase(waiting_, waiters_[waiter].database);
  if (waiters_[waiter].counted) statistics_.wait_duration += now - waiters_[waiter].arrived;
  waiters_.erase(waiter);
}

void Core::fail(TimePoint now, std::uint32_t waiter, AcquireError error) {
  actions_.emplace_back(Fail{waiters_.id(waiter), std::move(error)});
  dequeue(now, waiter);
}

bool Core::in_vain(TimePoint now, const Database& database) const {
  const auto hopeless = [&](const Backoff& backoff) { return backoff.lasting() && backoff.waiting(now); };
  return database.live() == 0 && (hopeless(server_) || hopeless(database.backoff));
}

void Core::fail_in_vain(TimePoint now, std::uint32_t index) {
  const Database& database = databases_[index];
  if (!in_vain(now, database)) return;
  const AcquireError error = connect_error(now, database);
  while (!database.waiters.empty()) fail(now, database.waiters.front(), error);
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
                    "the database " + database.name + " is closed to new work");
}

AcquireError Core::deadline_error(TimePoint now, const Database& database) const {
  if (draining_) return make_error(AcquireError::Reason::kDraining, "the connection pool is shutting down");
  // An attempt may be under way at this moment: what went wrong before is still the best that can be said.
  if (database.live() == database.opening && (server_.failing() || database.backoff.failing()))
    return connect_error(now, database);
  if (suspended_) {
    return make_error(
        AcquireError::Reason::kDeadlineExceeded,
        "no connection to " + database.name + " was handed out in time: the connection pool is suspended");
  }
  return make_error(AcquireError::Reason::kDeadlineExceeded,
                    "no connection to " + database.name + " became free in time (" +
                        std::to_string(statistics_.in_use) + " in use of at most " +
                        std::to_string(settings_.max_open_conns) + ")");
}

// Callers for whom a connection is being made, or can be made at once, do not count: maxWaiters bounds those
// who wait for somebody else's connection. The caller asking is in the queue already.
bool Core::too_many_waiters(TimePoint now, std::uint32_t asking) {
  if (static_cast<std::int64_t>(waiters_.size()) <= settings_.max_waiters) return false;
  std::int64_t uncovered = 0;
  for (const auto index : waiting_) uncovered += databases_[index].uncovered();
  return uncovered > settings_.max_waiters && !could_connect(now, asking);
}

}  // namespace storagepool::engine
