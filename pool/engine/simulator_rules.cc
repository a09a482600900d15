// What the core may do to one connection at the moment it does it.
#include <algorithm>

#include "pool/engine/simulator_model.h"

namespace storagepool::engine::simulator {
namespace {

constexpr std::chrono::milliseconds kShortestBackoff{100};
constexpr std::chrono::milliseconds kPatience{50};
// Lifetimes are jittered, by at most a tenth.
constexpr int kShortestLifeInTenths = 9;

}  // namespace

std::int64_t Model::limit_of(int database) const {
  return database == 0 ? settings_.max_open_conns : settings_.max_conns_per_database;
}

std::int64_t Model::others_limit() const {
  return std::max<std::int64_t>(0, settings_.max_open_conns - settings_.system_conns);
}

int Model::uncovered(int database) const {
  const Counts& counts = of(database);
  return std::max(0,
                  databases_[database].queued - counts.of(State::kOpening) - counts.of(State::kValidating));
}

std::chrono::nanoseconds Model::patience() const {
  return std::min<std::chrono::nanoseconds>(kPatience, settings_.acquire_timeout / 8);
}

const Waiter& Model::oldest(int database) const {
  return *std::find_if(waiters_.begin(), waiters_.end(),
                       [&](const Waiter& waiter) { return waiter.database == database; });
}

bool Model::over_limit(int database) const {
  return total_.live() > settings_.max_open_conns || of(database).live() > limit_of(database) ||
         (database != 0 && live_others() > others_limit());
}

bool Model::unwanted(const Connection& connection) const {
  return suspended_ || closers(connection.database) > 0 || connection.era != era_ ||
         over_limit(connection.database);
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
  return !outage.failing || outage.fading || (opening == 0 && now_ - outage.last_failure >= kShortestBackoff);
}

void Model::may_open(int database) const {
  require(!suspended_, "suspend: nothing is opened");
  require(closers(database) == 0, "a closed database is not connected to");
  require(uncovered(database) > 0, "a connect is for somebody who waits");
  require(may_try(server_, total_.of(State::kOpening)),
          "E6: after a failure one connect at a time, after a back-off");
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
  require(connection.state == State::kPlacing || now_ - connection.idle_since < settings_.validate_after_idle,
          "validateAfterIdle: what was idle for long is checked first");
  require(
      settings_.conn_max_lifetime.count() == 0 || now_ - connection.opened_at < settings_.conn_max_lifetime,
      "connMaxLifetime: nothing is handed out after its life");
}

// Why a healthy connection that nobody holds may be closed.
std::optional<Seen> Model::reason_to_close(const Connection& connection) const {
  if (connection.era != era_) return Seen::kRetiredCloses;
  if (unwanted(connection) || draining_) return Seen::kShrunkCloses;
  const auto age = now_ - connection.opened_at;
  if (settings_.conn_max_lifetime.count() > 0 &&
      age * 10 >= settings_.conn_max_lifetime * kShortestLifeInTenths) {
    return Seen::kExpiredCloses;
  }
  if (connection.state == State::kIdle && settings_.conn_max_idle_time.count() > 0 &&
      now_ - connection.idle_since >= settings_.conn_max_idle_time) {
    return Seen::kExpiredCloses;
  }
  int kept_others = 0;
  bool oldest = true;
  for (const Connection& other : connections_) {
    if (&other == &connection || !kept(other)) continue;
    ++kept_others;
    oldest = oldest && other.idle_since >= connection.idle_since;
  }
  if (oldest && kept_others >= settings_.max_idle_conns) return Seen::kIdleLimitCloses;
  if (due_to_older_waiter(connection)) return Seen::kYields;
  if (evictable_for_somebody(connection)) return Seen::kEvictions;
  return std::nullopt;
}

// A connection that comes free stays with its database while that has waiters, unless an older waiter, whose
// database has no connection at all, lost patience and the connection has had its turn.
bool Model::due_to_older_waiter(const Connection& connection) const {
  if (connection.state != State::kPlacing || now_ - connection.opened_at < patience()) return false;
  for (const Waiter& waiter : waiters_) {
    if (waiter.database == connection.database || now_ - waiter.arrived < patience()) return false;
    if (of(waiter.database).live() == 0) return true;
  }
  return false;
}

// A connection that was asked for again counts as if it had been idle for an eighth of the time.
bool Model::older(const Connection& a, const Connection& b) const {
  if (b.database == 0 && a.again) return false;  // the core looks no further than for the first of the others
  const bool weighted = a.database != 0 && b.database != 0 && a.again != b.again;
  const auto age = [&](const Connection& c) {
    return (now_ - c.idle_since) * (weighted && !c.again ? 8 : 1);
  };
  return age(a) > age(b);
}

// Room is made for somebody who waits without a connection on the way and may connect, out of the least
// recently used connection that may be taken for it, and only when closing connections return too few tokens.
bool Model::evictable_for_somebody(const Connection& connection) const {
  int wanted = 0;
  int wanted_by_others = 0;
  std::vector<int> wanting;
  for (const Waiter& waiter : waiters_) {
    if (std::find(wanting.begin(), wanting.end(), waiter.database) != wanting.end()) continue;
    wanting.push_back(waiter.database);
    wanted += uncovered(waiter.database);
    if (waiter.database != 0) wanted_by_others += uncovered(waiter.database);
  }
  const auto free = settings_.max_open_conns - total_.live();
  const auto free_for_others = others_limit() - live_others();
  return std::any_of(wanting.begin(), wanting.end(), [&](int database) {
    if (database == connection.database || uncovered(database) == 0 ||
        of(database).live() >= limit_of(database)) {
      return false;
    }
    if (!may_try(server_, total_.of(State::kOpening)) ||
        !may_try(databases_[database].outage, of(database).of(State::kOpening))) {
      return false;
    }
    // With hesitation: neither has it just become idle, nor will one of their own perhaps do.
    const auto hesitation = patience() / 10;
    const auto waited = now_ - this->oldest(database).arrived;
    if (waited < patience() && now_ - connection.idle_since < hesitation) return false;
    if (waited < hesitation && of(database).live() > 0) return false;
    const auto oldest = [&](bool of_system_too) {
      return std::none_of(connections_.begin(), connections_.end(), [&](const Connection& other) {
        return kept(other) && other.database != database && (other.database != 0 || of_system_too) &&
               older(other, connection);
      });
    };
    const bool all_full = wanted > free;
    const bool others_full = database != 0 && wanted_by_others > free_for_others;
    const bool among_others = connection.database != 0 && (others_full || (database == 0 && all_full));
    // The system database's connections help another only while the others have less than their share.
    const bool among_all = database != 0 && all_full && live_others() < others_limit();
    return (among_others && oldest(false)) || (among_all && oldest(true));
  });
}

}  // namespace storagepool::engine::simulator
