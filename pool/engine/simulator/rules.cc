// What the core may do to one connection at the moment it does it.
#include <algorithm>

#include "pool/engine/core/eviction.h"
#include "pool/engine/simulator/model.h"

namespace storagepool::engine::simulator {

std::int64_t Model::limit_of(int database) const {
  return database == 0 ? settings_.max_open_conns : settings_.max_conns_per_database;
}

std::int64_t Model::ordinary_limit() const {
  const std::int64_t reserve = std::min(settings_.system_conns, settings_.max_open_conns - 1);
  return settings_.max_open_conns - reserve;
}

int Model::uncovered(int database) const {
  const Counts& counts = of(database);
  return std::max(0,
                  databases_[database].queued - counts.of(State::kOpening) - counts.of(State::kValidating));
}

std::chrono::nanoseconds Model::patience() const {
  return std::min<std::chrono::nanoseconds>(Eviction::kPatience,
                                            settings_.acquire_timeout / Eviction::kPatiencesPerTimeout);
}
std::chrono::nanoseconds Model::hesitation() const {
  return patience() / Eviction::kHesitationsPerPatience;
}

bool Model::over_limit(int database) const {
  return total_.live() > settings_.max_open_conns || of(database).live() > limit_of(database) ||
         (database != 0 && live_ordinary() > ordinary_limit());
}

bool Model::unwanted(const Connection& connection) const {
  return suspended_ || closers(connection.database) > 0 || connection.era != era_ ||
         over_limit(connection.database);
}

bool Model::to_be_checked(const Connection& connection) const {
  return now_ - connection.idle_since >= settings_.validate_after_idle || connection.idle_since <= doubted_;
}

bool Model::kept(const Connection& connection) const {
  return connection.state == State::kIdle || (connection.state == State::kPlacing && connection.fresh);
}

bool Model::is_most_recently_used(const Connection& connection) const {
  return std::none_of(connections_.begin(), connections_.end(), [&](const Connection& other) {
    return other.database == connection.database && other.state == State::kIdle &&
           other.idle_turn > connection.idle_turn;
  });
}

// Whether a connect may begin in spite of an outage: after a back-off, and no other beside it.
bool Model::may_try(const Outage& outage, int opening) const {
  return !outage.failing || outage.fading || (opening == 0 && now_ >= outage.earliest_retry());
}

void Model::may_open(int database) const {
  require(!suspended_, "suspend: nothing is opened");
  require(closers(database) == 0, "a closed database is not connected to");
  require(uncovered(database) > 0, "a connect is for somebody who waits");
  require(may_try(server_, total_.of(State::kOpening)),
          "E6: after a failure one connect at a time, after a back-off");
  require(total_.of(State::kOpening) < at_a_time_, "E6: after an outage connects begin by and by");
  require(may_try(databases_[database].outage, of(database).of(State::kOpening)),
          "E6: and so for a single database");
  // Of those who could have had the token, the one who came first gets it.
  for (const Waiter& waiter : waiters_) {
    if (waiter.database == database) break;
    require(uncovered(waiter.database) == 0 || !room(waiter.database) || held_back(waiter.database),
            "tokens go to the database with the oldest waiter");
  }
}

void Model::may_hand(const Connection& connection) const {
  require(kept(connection) || connection.state == State::kPlacing, "nobody else holds it");
  require(connection.state == State::kIdle || connection.fresh, "E7: it is healthy as far as known");
  require(!suspended_, "suspend: nothing is handed out");
  require(connection.era == era_, "retire: nothing older is handed out");
  require(closers(connection.database) == 0, "a closed database is not served");
  require(!over_limit(connection.database), "E4: a connection over a limit is not handed on");
  require(connection.state == State::kPlacing || is_most_recently_used(connection),
          "the most recently used idle connection is used first");
  require(connection.state == State::kPlacing || !to_be_checked(connection),
          "validateAfterIdle: what was idle for long, or is in doubt, is checked first");
  require(
      settings_.conn_max_lifetime.count() == 0 || now_ - connection.opened_at < settings_.conn_max_lifetime,
      "connMaxLifetime: nothing is handed out after its life");
}

// Why a healthy connection that nobody holds may be closed.
std::optional<Seen> Model::reason_to_close(const Connection& connection) const {
  if (connection.era != era_) return Seen::kRetiredCloses;
  if (unwanted(connection) || draining_) return Seen::kShrunkCloses;
  // Lifetimes are shortened by a tenth at most.
  if (settings_.conn_max_lifetime.count() > 0 &&
      10 * (now_ - connection.opened_at) >= 9 * settings_.conn_max_lifetime) {
    return Seen::kExpiredCloses;
  }
  if (connection.state == State::kIdle && settings_.conn_max_idle_time.count() > 0 &&
      now_ - connection.idle_since >= settings_.conn_max_idle_time) {
    return Seen::kExpiredCloses;
  }
  int also_kept = 0;
  bool oldest = true;
  for (const Connection& other : connections_) {
    // What is lost in this event was idle when time came to its beginning.
    if (&other == &connection || (!kept(other) && other.state != State::kPlacing)) continue;
    ++also_kept;
    oldest = oldest && other.idle_since >= connection.idle_since;
  }
  if (oldest && also_kept >= settings_.max_idle_conns &&
      now_ - connection.idle_since >= settings_.surplus_idle_time) {
    return Seen::kIdleLimitCloses;
  }
  if (due_to_older_waiter(connection)) return Seen::kYields;
  if (evictable_for_somebody(connection)) return Seen::kEvictions;
  return std::nullopt;
}

// A connection that comes free stays with its database while that has waiters, unless an older waiter, whose
// database has no connection, has lost patience, and the connection has lived as long.
bool Model::due_to_older_waiter(const Connection& connection) const {
  if (connection.state != State::kPlacing || now_ - connection.opened_at < patience()) return false;
  for (const Waiter& waiter : waiters_) {
    if (waiter.database == connection.database) return false;
    if (of(waiter.database).live() == 0 && now_ - waiter.arrived >= patience()) return true;
  }
  return false;
}

// Whether a connection is the one to close where room is made: the least recently used, where one of another
// database than the system's that was asked for again counts as so many times younger.
bool Model::makes_way(const Connection& connection, bool of_system_too) const {
  const auto age = [&](const Connection& one) { return now_ - one.idle_since; };
  const auto counted_age = [&](const Connection& one) {
    return one.again ? age(one) : age(one) * Eviction::kAgainFactor;
  };
  const Connection* oldest = nullptr;  // but for the system database's
  const Connection* oldest_of_system = nullptr;
  for (const Connection& one : connections_) {
    if (!kept(one)) continue;
    if (one.database == 0) {
      if (oldest_of_system == nullptr || age(one) > age(*oldest_of_system)) oldest_of_system = &one;
    } else if (oldest == nullptr || counted_age(one) > counted_age(*oldest)) {
      oldest = &one;
    }
  }
  if (connection.database == 0) {
    return of_system_too && oldest_of_system != nullptr && age(connection) == age(*oldest_of_system) &&
           (oldest == nullptr || age(connection) >= age(*oldest));
  }
  return oldest != nullptr && counted_age(connection) == counted_age(*oldest) &&
         (!of_system_too || oldest_of_system == nullptr || age(connection) >= age(*oldest_of_system));
}

// Room is made for a database whose waiters have nothing on the way and may connect, when closing connections
// return too few tokens: out of a connection that was idle for a little, unless a waiter has lost patience.
bool Model::evictable_for_somebody(const Connection& connection) const {
  int wanted = 0;
  int wanted_by_ordinary = 0;
  bool impatient = false;
  std::vector<Waiter> wanting;  // the oldest of each database
  for (const Waiter& waiter : waiters_) {
    const auto same = [&](const Waiter& other) { return other.database == waiter.database; };
    if (std::any_of(wanting.begin(), wanting.end(), same)) continue;
    wanting.push_back(waiter);
    wanted += uncovered(waiter.database);
    if (waiter.database != 0) wanted_by_ordinary += uncovered(waiter.database);
    impatient = impatient || now_ - waiter.arrived >= patience();
  }
  if (!impatient && now_ - connection.idle_since < hesitation()) return false;
  if (suspended_ || !may_try(server_, total_.of(State::kOpening))) return false;
  const bool all_full = wanted > settings_.max_open_conns - total_.live();
  const bool ordinary_full = wanted_by_ordinary > ordinary_limit() - live_ordinary();
  return std::any_of(wanting.begin(), wanting.end(), [&](const Waiter& waiter) {
    const int database = waiter.database;
    const Counts& counts = of(database);
    if (database == connection.database || uncovered(database) == 0 || counts.live() >= limit_of(database) ||
        !may_try(databases_[database].outage, counts.of(State::kOpening))) {
      return false;
    }
    const auto waited = now_ - waiter.arrived;
    if (counts.live() > 0 && waited < (counts.of(State::kOpening) > 0 ? patience() : hesitation()))
      return false;
    // The system database's connections help another only while the ordinary databases have less than their
    // share.
    const bool of_system_too = all_full && live_ordinary() < ordinary_limit();
    return ((all_full || (ordinary_full && database != 0)) && makes_way(connection, false)) ||
           (of_system_too && makes_way(connection, true));
  });
}

}  // namespace storagepool::engine::simulator
