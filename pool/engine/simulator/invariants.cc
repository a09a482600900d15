// What must be true between two events.
#include <algorithm>

#include "pool/engine/simulator/model.h"

namespace storagepool::engine::simulator {
void Model::check() {
  check_limits();
  check_nobody_waits_in_vain();
  check_timer();
  check_reports();
}

void Model::check_limits() const {
  require(total_.sockets() <= std::max<std::int64_t>(settings_.max_open_conns, sockets_before_),
          "E1: sockets never exceed the limit, and only fall after a shrink");
  const bool surplus = total_.of(State::kIdle) > settings_.max_idle_conns;
  require(!draining_ || total_.of(State::kIdle) == 0, "a drain closes idle connections at once");
  for (const Connection& connection : connections_) {
    if (connection.state != State::kIdle) continue;
    require(!suspended_, "suspend closes idle connections at once");
    require(connection.era == era_, "retire closes idle connections at once");
    require(closers(connection.database) == 0, "close_database closes idle connections at once");
    require(!over_limit(connection.database), "E4: a smaller limit closes idle connections at once");
    require(
        settings_.conn_max_lifetime.count() == 0 || now_ - connection.opened_at < settings_.conn_max_lifetime,
        "connMaxLifetime closes idle connections");
    require(settings_.conn_max_idle_time.count() == 0 ||
                now_ - connection.idle_since < settings_.conn_max_idle_time,
            "connMaxIdleTime closes idle connections");
    require(!surplus || now_ - connection.idle_since < settings_.surplus_idle_time,
            "maxIdleConns: what is above lingers for surplusIdleTime only");
  }
}

const std::vector<int>& Model::waiting() {
  ++listings_;
  waiting_.clear();
  for (const Waiter& waiter : waiters_) {
    if (databases_[waiter.database].listed == listings_) continue;
    databases_[waiter.database].listed = listings_;
    waiting_.push_back(waiter.database);
  }
  return waiting_;
}

std::int64_t Model::uncovered_in_all() {
  std::int64_t sum = 0;
  for (const int database : waiting()) sum += uncovered(database);
  return sum;
}

std::int64_t Model::uncovered_databases() {
  const auto& databases = waiting();
  return std::count_if(databases.begin(), databases.end(),
                       [&](int database) { return uncovered(database) > 0; });
}

std::int64_t Model::held_tokens() const {
  if (at_a_time_ == kUnbounded || server_.failing) return 0;
  return std::max<std::int64_t>(0, settings_.max_open_conns - total_.sockets());
}

bool Model::held_back(int database) const {
  const auto held = [&](const Outage& outage, int opening) {
    return outage.failing && (opening > 0 || now_ < outage.latest_retry());
  };
  return held(server_, total_.of(State::kOpening)) || total_.of(State::kOpening) >= at_a_time_ ||
         held(databases_[database].outage, of(database).of(State::kOpening));
}

bool Model::room(int database) const {
  return total_.sockets() < settings_.max_open_conns && of(database).sockets() < limit_of(database) &&
         (database == 0 || total_.sockets() - of(0).sockets() < ordinary_limit());
}

void Model::check_nobody_waits_in_vain() {
  for (const int database : waiting()) {
    const Database& here = databases_[database];
    const Counts& counts = here.counts;
    require(here.closers == 0, "close_database answers every waiter");
    require(here.queued <= counts.of(State::kValidating) || counts.of(State::kIdle) == 0,
            "E2: nobody waits while an idle connection of the database exists");
    require(counts.live() > 0 || (lasting_failure_ != &server_ && lasting_failure_ != &here.outage),
            "a failure that only a person can mend is told at once to those without a connection");
    if (suspended_ || uncovered(database) == 0 || held_back(database)) continue;
    require(!room(database), "E2: nobody waits while a token exists");
    // Two sockets may always be on their way from one database to another.
    if (counts.live() >= limit_of(database) || total_.of(State::kClosing) > 0 ||
        total_.of(State::kOpening) > 1) {
      continue;
    }
    const auto oldest = std::find_if(waiters_.begin(), waiters_.end(),
                                     [&](const Waiter& waiter) { return waiter.database == database; });
    for (const Connection& connection : connections_) {
      if (connection.state != State::kIdle || connection.database == database) continue;
      if (connection.database == 0 && live_ordinary() >= ordinary_limit()) continue;  // its reserve
      require(now_ < oldest->arrived + patience(),
              "E5: nobody is patient for ever while an idle connection of another database can be evicted");
      require(counts.live() > 0 || connection.database == 0 || now_ < connection.idle_since + patience(),
              "E5: what was idle for a while makes room at once");
      const auto next = core_.next_timer();
      require(next && *next <= oldest->arrived + patience(), "E2: the timer fires when patience ends");
    }
  }
  const auto newcomer = std::find_if(waiters_.begin(), waiters_.end(),
                                     [&](const Waiter& waiter) { return waiter.id == newcomer_; });
  if (newcomer == waiters_.end()) return;
  require(!draining_, "a drain refuses newcomers");
  require(uncovered_in_all() - held_tokens() <= settings_.max_waiters || uncovered(newcomer->database) == 0 ||
              opened_in_event_ || gave_way_ || total_.of(State::kClosing) > 0,
          "maxWaiters bounds those who wait for somebody else's connection");
}

void Model::check_timer() {
  const auto next = core_.next_timer();
  require(!next || *next > now_, "the next timer is not now: the driver would spin");
  const auto fires_by = [&](TimePoint when) { return next && *next <= when; };
  for (const Waiter& waiter : waiters_) {
    require(waiter.deadline > now_, "E6: nobody waits past the deadline");
    require(fires_by(waiter.deadline), "E6: the timer fires at the first deadline");
  }
  for (const Connection& connection : connections_) {
    if (connection.state != State::kIdle) continue;
    require(settings_.conn_max_idle_time.count() == 0 ||
                fires_by(connection.idle_since + settings_.conn_max_idle_time),
            "the timer fires when an idle connection is due");
    require(settings_.conn_max_lifetime.count() == 0 ||
                fires_by(connection.opened_at + settings_.conn_max_lifetime),
            "the timer fires when a lifetime ends");
    require(total_.of(State::kIdle) <= settings_.max_idle_conns ||
                fires_by(connection.idle_since + settings_.surplus_idle_time),
            "the timer fires when a surplus connection is due");
  }
  if (suspended_) return;
  for (const int database : waiting_) {
    const Outage& own = databases_[database].outage;
    const bool tried = (server_.failing && total_.of(State::kOpening) > 0) ||
                       (own.failing && of(database).of(State::kOpening) > 0);
    if (uncovered(database) == 0 || tried || !room(database) || !held_back(database)) continue;
    if (total_.of(State::kOpening) >= at_a_time_) continue;  // the end of a connect goes on with it
    const TimePoint retry = std::max(server_.failing ? server_.latest_retry() : TimePoint::min(),
                                     own.failing ? own.latest_retry() : TimePoint::min());
    require(fires_by(retry), "E6: the timer fires at the end of a back-off");
  }
}

void Model::check_reports() const {
  const Statistics s = core_.statistics();
  require(s.max_open == settings_.max_open_conns && s.opening == total_.of(State::kOpening) &&
              s.closing == total_.of(State::kClosing) && s.idle == total_.of(State::kIdle) &&
              s.in_use == total_.of(State::kInUse) + total_.of(State::kValidating) &&
              s.open == s.idle + s.in_use && s.waiting == static_cast<int>(waiters_.size()) &&
              s.connect_failures == connect_failures_ && s.open_high_water == high_water_,
          "statistics say what is");
  require(core_.settings() == settings_, "settings are in force");
  require(core_.drained() == (draining_ && connections_.empty() && waiters_.empty()),
          "a drained engine holds no socket, and nobody waits");
  require(core_.has_connections(name(touched_)) == (of(touched_).sockets() > 0),
          "any socket of a database counts");
  const Connection* candidate = nullptr;
  for (const Connection& connection : connections_) {
    if (connection.state == State::kIdle && connection.database == touched_ &&
        is_most_recently_used(connection)) {
      candidate = &connection;
    }
  }
  const auto said = core_.candidate(name(touched_));
  require(
      said.has_value() == (candidate != nullptr) && (!said || (*said == candidate->id && core_.idle(*said))),
      "the candidate is the most recently used idle connection of the database");
}

}  // namespace storagepool::engine::simulator
