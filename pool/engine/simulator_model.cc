// What must be true, said independently of how the core brings it about.
#include <algorithm>
#include <stdexcept>

#include "pool/engine/simulator.h"

namespace storagepool::engine {
namespace {

constexpr std::chrono::seconds kLongestBackoff{5};
constexpr std::chrono::milliseconds kShortestBackoff{100};

}  // namespace

void Simulator::violated(const std::string& what) const {
  std::string text = "violated: " + what;
  for (const auto& event : events_) text += "\n  " + event;
  throw std::runtime_error(text);
}

int Simulator::count(State state, int database) const {
  return static_cast<int>(std::count_if(connections_.begin(), connections_.end(), [&](const auto& entry) {
    return entry.second.state == state && (database < 0 || entry.second.database == database);
  }));
}

int Simulator::sockets(int database) const {
  return static_cast<int>(std::count_if(connections_.begin(), connections_.end(), [&](const auto& entry) {
    return database < 0 || entry.second.database == database;
  }));
}

int Simulator::queued(int database) const {
  return static_cast<int>(std::count_if(waiters_.begin(), waiters_.end(),
                                        [&](const Waiter& waiter) { return waiter.database == database; }));
}

int Simulator::limit_of(int database) const {
  return static_cast<int>(database == 0 ? settings_.max_open_conns : settings_.max_conns_per_database);
}

int Simulator::others_limit() const {
  return static_cast<int>(std::max<std::int64_t>(0, settings_.max_open_conns - settings_.system_conns));
}

void Simulator::apply() {
  core_.take_actions(actions_);
  for (const Action& action : actions_) {
    if (const auto* open = std::get_if<Open>(&action)) {
      apply_open(*open);
    } else if (const auto* hand = std::get_if<Hand>(&action)) {
      apply_hand(*hand);
    } else if (const auto* fail = std::get_if<Fail>(&action)) {
      apply_fail(*fail);
    } else if (const auto* close = std::get_if<Close>(&action)) {
      const auto found = connections_.find(close->connection);
      require(found != connections_.end(), "a connection that is closed exists");
      require(found->second.state == State::kIdle || found->second.state == State::kPlacing,
              "only a connection that nobody holds is closed");
      found->second.state = State::kClosing;
    } else if (const auto* validate = std::get_if<Validate>(&action)) {
      ++coverage_.validations;
      auto& connection = connections_.at(validate->connection);
      require(
          connection.state == State::kIdle && now_ - connection.idle_since >= settings_.validate_after_idle,
          "only what was idle for long is validated");
      connection.state = State::kValidating;
    }
  }
  for (auto& [id, connection] : connections_) {
    if (connection.state != State::kPlacing) continue;
    require(connection.fresh, "E7: a broken connection is closed");
    connection.state = State::kIdle;
    connection.idle_since = now_;
  }
  coverage_.evicted = core_.statistics().evicted;
  check();
}

void Simulator::apply_open(const Open& open) {
  ++coverage_.opens;
  const int database = open.database == "system" ? 0 : open.database == "a" ? 1 : 2;
  require(!connections_.contains(open.connection), "ids are never used twice");
  const auto alone = [&](const Outage& outage, int opening) {
    return !outage.failing || outage.fading ||
           (opening == 0 && now_ - outage.last_failure >= kShortestBackoff);
  };
  require(alone(server_, count(State::kOpening)),
          "E6: after a failure one connect at a time, after a back-off");
  require(alone(databases_[database], count(State::kOpening, database)), "E6: and so for a single database");
  connections_[open.connection] = {database, State::kOpening, now_, {}};
  require(sockets() <= settings_.max_open_conns, "E1: no connect without a token");
  require(sockets(database) <= limit_of(database), "E1: no connect over maxConnsPerDatabase");
  require(database == 0 || others_sockets() <= others_limit(),
          "E1: systemConns are kept for the system database");
}

void Simulator::apply_hand(const Hand& hand) {
  ++coverage_.handed;
  const auto waiter =
      std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter& w) { return w.id == hand.waiter; });
  require(waiter != waiters_.end(), "E3: only a waiter that waits is served");
  require(waiter->deadline > now_, "E3: an expired waiter is not served");
  require(
      std::none_of(waiters_.begin(), waiter, [&](const Waiter& w) { return w.database == waiter->database; }),
      "E3: first come, first served");
  auto& connection = connections_.at(hand.connection);
  require(connection.database == waiter->database, "a connection serves its own database");
  require(connection.state == State::kIdle || connection.state == State::kPlacing, "nobody else holds it");
  require(connection.fresh, "E7: it is healthy as far as known");
  require(connection.state == State::kPlacing || now_ - connection.idle_since < settings_.validate_after_idle,
          "validateAfterIdle: what was idle for long is checked first");
  require(
      settings_.conn_max_lifetime.count() == 0 || now_ - connection.opened_at < settings_.conn_max_lifetime,
      "connMaxLifetime: nothing is handed out after its life");
  connection.state = State::kInUse;
  waiters_.erase(waiter);
}

void Simulator::apply_fail(const Fail& fail) {
  ++coverage_.failed;
  const auto waiter =
      std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter& w) { return w.id == fail.waiter; });
  require(waiter != waiters_.end(), "only a waiter that waits is failed");
  switch (fail.error.reason) {
    case AcquireError::Reason::kDeadlineExceeded:
      require(waiter->deadline <= now_, "nobody expires before the deadline");
      break;
    case AcquireError::Reason::kTooManyWaiters:
      require(waiter + 1 == waiters_.end() && static_cast<int>(waiters_.size()) > settings_.max_waiters,
              "maxWaiters refuses only newcomers, and only at the bound");
      break;
    case AcquireError::Reason::kDraining:
      require(draining_, "nobody is told of a drain that is none");
      break;
    case AcquireError::Reason::kConnectFailed:
      require(server_.failing || databases_[waiter->database].failing,
              "nobody is told of a failure that is none");
      break;
    case AcquireError::Reason::kDatabaseClosed:
      violated("nobody is told of a closed database that is none");
  }
  require(fail.error.retry_after >= std::chrono::seconds(1), "Retry-After is at least a second");
  waiters_.erase(waiter);
}

void Simulator::check() {
  check_limits();
  check_nobody_waits_in_vain();
  check_timer();
  check_statistics();
  sockets_before_ = sockets();
  for (int database = 0; database < 3; ++database) {
    auto& outage = databases_[database];
    const bool unused = sockets(database) == 0 && queued(database) == 0;
    if (unused && now_ >= outage.last_failure + kLongestBackoff) outage.fading = true;
  }
}

void Simulator::check_limits() const {
  require(sockets() <= std::max<std::int64_t>(settings_.max_open_conns, sockets_before_),
          "E1: sockets never exceed the limit, and only fall after a shrink");
  require(live() <= settings_.max_open_conns || count(State::kIdle) == 0,
          "E4: a shrink closes idle connections at once");
  require(count(State::kIdle) <= settings_.max_idle_conns, "maxIdleConns");
  require(!draining_ || count(State::kIdle) == 0, "a drain closes idle connections at once");
  const int others_idle = count(State::kIdle) - count(State::kIdle, 0);
  require(others_live() <= others_limit() || others_idle == 0,
          "E4: more systemConns close idle connections at once");
  for (int database = 0; database < 3; ++database) {
    require(live(database) <= limit_of(database) || count(State::kIdle, database) == 0,
            "E4: a smaller maxConnsPerDatabase closes idle connections at once");
  }
  for (const auto& [id, connection] : connections_) {
    if (connection.state != State::kIdle) continue;
    require(
        settings_.conn_max_lifetime.count() == 0 || now_ - connection.opened_at < settings_.conn_max_lifetime,
        "connMaxLifetime closes idle connections");
    require(settings_.conn_max_idle_time.count() == 0 ||
                now_ - connection.idle_since < settings_.conn_max_idle_time,
            "connMaxIdleTime closes idle connections");
  }
}

bool Simulator::held_back(int database) const {
  const auto held = [&](const Outage& outage, int opening) {
    return outage.failing && (opening > 0 || now_ < outage.last_failure + kLongestBackoff);
  };
  return held(server_, count(State::kOpening)) ||
         held(databases_[database], count(State::kOpening, database));
}

bool Simulator::room(int database) const {
  return sockets() < settings_.max_open_conns && sockets(database) < limit_of(database) &&
         (database == 0 || others_sockets() < others_limit());
}

void Simulator::check_nobody_waits_in_vain() const {
  for (int database = 0; database < 3; ++database) {
    const int waiting = queued(database);
    if (waiting == 0) continue;
    require(waiting <= count(State::kValidating, database) || count(State::kIdle, database) == 0,
            "E2: nobody waits while an idle connection of the database exists");
    if (waiting <= count(State::kOpening, database) + count(State::kValidating, database)) continue;
    if (held_back(database)) continue;
    require(!room(database), "E2: nobody waits while a token exists");
    if (live(database) >= limit_of(database) || count(State::kClosing) > 0) continue;
    const int others_idle =
        count(State::kIdle) - count(State::kIdle, 0) - (database == 0 ? 0 : count(State::kIdle, database));
    require(others_idle == 0, "E5: nobody waits while an idle connection of another database can be evicted");
    if (database == 0 || others_live() >= others_limit()) continue;
    require(count(State::kIdle, 0) == 0, "E5: the system database gives up what it holds above its reserve");
  }
}

void Simulator::check_timer() const {
  const auto next = core_.next_timer();
  require(!next || *next > now_, "the next timer is not now: the driver would spin");
  for (const auto& waiter : waiters_) {
    require(waiter.deadline > now_, "E6: nobody waits past the deadline");
    require(next && *next <= waiter.deadline, "E6: the timer fires at the first deadline");
  }
  for (const auto& [id, connection] : connections_) {
    if (connection.state != State::kIdle) continue;
    require(settings_.conn_max_idle_time.count() == 0 ||
                (next && *next <= connection.idle_since + settings_.conn_max_idle_time),
            "the timer fires when an idle connection is due");
    require(settings_.conn_max_lifetime.count() == 0 ||
                (next && *next <= connection.opened_at + settings_.conn_max_lifetime),
            "the timer fires when a lifetime ends");
  }
  for (int database = 0; database < 3; ++database) {
    const Outage& own = databases_[database];
    const bool covered =
        queued(database) <= count(State::kOpening, database) + count(State::kValidating, database);
    const bool alone = !(server_.failing && count(State::kOpening) > 0) &&
                       !(own.failing && count(State::kOpening, database) > 0);
    if (covered || !alone || !room(database) || !held_back(database)) continue;
    const TimePoint failed = std::max(server_.failing ? server_.last_failure : TimePoint::min(),
                                      own.failing ? own.last_failure : TimePoint::min());
    require(next && *next <= failed + kLongestBackoff, "E6: the timer fires at the end of a back-off");
  }
}

void Simulator::check_statistics() const {
  const Statistics s = core_.statistics();
  require(s.max_open == settings_.max_open_conns && s.opening == count(State::kOpening) &&
              s.closing == count(State::kClosing) && s.idle == count(State::kIdle) &&
              s.in_use == count(State::kInUse) + count(State::kValidating) && s.open == s.idle + s.in_use &&
              s.waiting == static_cast<int>(waiters_.size()) && s.connect_failures == coverage_.open_failures,
          "statistics say what is");
  require(s.open_high_water >= sockets(), "the high-water mark is one");
}

}  // namespace storagepool::engine
