// Taking and giving back a connection when nobody waits and nothing is due: the shortest way to the same end
// as `acquire` and `release`.
#include <algorithm>

#include "pool/engine/core/core.h"

namespace storagepool::engine {

std::uint32_t Core::find_database(std::string_view name) const {
  if (last_found_ < databases_.end() && databases_.used(last_found_) &&
      databases_[last_found_].name == name) {
    return last_found_;
  }
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? kNone : last_found_ = found->second;
}

// Whether an event has to see first to what time has brought about for somebody else.
bool Core::something_due(TimePoint now) const {
  return demand_.queue_anywhere() || trial_ == Trial::kWaits ||
         std::min({deadlines_.next(), retries_.next(), lifetime_check_, idle_time_check_}) <= now;
}

// What must not be handed out is not idle: it leaves the list as soon as an event says so, and what only time
// makes so is looked at here.
ConnectionId Core::acquire_idle(TimePoint now, std::string_view name, TimePoint deadline,
                                std::chrono::nanoseconds at_most) {
  const std::uint32_t at = find_database(name);
  if (at == kNone || databases_[at].idle.empty() || deadline <= now || something_due(now)) return 0;
  const auto index = databases_[at].idle.back();
  Connection& connection = connections_[index];
  if (now - eviction_.idle_since(index) >= at_most || to_be_checked(now, index)) return 0;
  now_ = now;
  take_idle(index);
  connection.state = State::kInUse;
  ++population_.in_use;
  return connections_.id(index);
}

bool Core::release_idle(TimePoint now, ConnectionId id) {
  const auto index = connections_.find(id);
  if (index == kNone || draining_ || something_due(now)) return false;
  const Connection& connection = connections_[index];
  if (connection.state != State::kInUse || unwanted(connection) || lifetime_end(connection) <= now ||
      !lingers(now)) {
    return false;
  }
  now_ = now;
  --population_.in_use;
  make_idle(now, index);
  return true;
}

bool Core::keeps(TimePoint now, ConnectionId id) const {
  const auto index = find(id, State::kInUse);
  if (index == kNone || draining_ || trial_ == Trial::kWaits) return false;
  const Connection& connection = connections_[index];
  return !demand_.empty(connection.database) && !unwanted(connection) && lifetime_end(connection) > now;
}

bool Core::passes(TimePoint now, ConnectionId id, std::string_view name, TimePoint deadline) const {
  if (deadline <= now || !keeps(now, id)) return false;
  const std::uint32_t at = connections_[connections_.find(id)].database;
  const auto may_wait = [&](std::uint32_t index) {
    return index == kNone || now - demand_.oldest(index).arrived < kPassed;
  };
  return databases_[at].name == name && may_wait(at) && may_wait(demand_.front_of(Demand::Want::kFirst));
}

}  // namespace storagepool::engine
