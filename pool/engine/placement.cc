// Which connection goes to whom: the part of the core that spends tokens.
#include <algorithm>

#include "pool/engine/core.h"

namespace storagepool::engine {

std::int64_t Core::others_limit() const {
  return std::max<std::int64_t>(0, settings_.max_open_conns - settings_.system_conns);
}

std::int64_t Core::limit_of(const Database& database) const {
  return database.system ? settings_.max_open_conns : settings_.max_conns_per_database;
}

std::int64_t Core::live() const {
  return static_cast<std::int64_t>(connections_.size()) - statistics_.closing;
}
std::int64_t Core::others_live() const {
  return others_ - others_closing_;
}

bool Core::over_limit(const Database& database) const {
  return live() > settings_.max_open_conns || database.live() > limit_of(database) ||
         (!database.system && others_live() > others_limit());
}

// Whether a connection must not be handed out, or be kept idle, any more.
bool Core::unwanted(const Connection& connection) const {
  const Database& database = databases_[connection.database];
  return suspended_ || database.closers > 0 || connection.era != era_ || over_limit(database);
}

// A healthy connection that nobody holds, in no list and no gauge.
void Core::place(TimePoint now, std::uint32_t index) {
  const Connection& connection = connections_[index];
  const Database& database = databases_[connection.database];
  if (lifetime_end(connection) <= now) {
    ++statistics_.max_lifetime_closed;
    close(index);
  } else if (unwanted(connection)) {
    close(index);
  } else if (!database.waiters.empty()) {
    if (should_yield(now, database)) {
      ++statistics_.evicted;
      close(index);
    } else {
      hand(now, database.waiters.front(), index);
    }
  } else if (draining_) {
    close(index);
  } else {
    make_idle(now, index);
  }
}

// Whether the token of a connection of `database`, which has waiters, is due to an older waiter whose
// database has no connection and gets none otherwise.
bool Core::should_yield(TimePoint now, const Database& database) const {
  const std::uint64_t turn = waiters_[database.waiters.front()].turn;
  for (const auto index : waiting_) {
    const Database& other = databases_[index];
    if (other.live() > 0 || other.promised > 0 || waiters_[other.waiters.front()].turn > turn) continue;
    if (held_back(now, other) || limit_of(other) <= 0 || could_connect(now, index)) continue;
    // A token of the system database is of no use to another one when the others have all that is theirs.
    if (!other.system && others_limit() <= (database.system ? others_live() + others_promised_ : 0)) continue;
    return true;
  }
  return false;
}

void Core::make_idle(TimePoint now, std::uint32_t index) {
  Connection& connection = connections_[index];
  connection.state = State::kIdle;
  connection.since = now;
  idle_.push_back(connections_, index);
  databases_[connection.database].idle.push_back(connections_, index);
  lifetime_check_ = std::min(lifetime_check_, lifetime_end(connection));
  enforce_idle_limit();
}

void Core::leave_idle(std::uint32_t index) {
  idle_.erase(connections_, index);
  databases_[connections_[index].database].idle.erase(connections_, index);
}

void Core::hand(TimePoint now, std::uint32_t waiter, std::uint32_t connection) {
  connections_[connection].state = State::kInUse;
  ++statistics_.in_use;
  actions_.emplace_back(Hand{waiters_.id(waiter), connections_.id(connection)});
  dequeue(now, waiter);
}

// Idle connections go to waiters most recently used first: the others may then grow old enough to be closed.
// One that was idle for long is checked first, and covers its waiter meanwhile.
void Core::serve_from_idle(TimePoint now, std::uint32_t index) {
  Database& database = databases_[index];
  while (!database.idle.empty() && database.queued() > database.validating) {
    const auto connection = database.idle.back();
    const bool check = now - connections_[connection].since >= settings_.validate_after_idle;
    leave_idle(connection);
    if (check) {
      connections_[connection].state = State::kValidating;
      ++database.validating;
      ++statistics_.in_use;
      actions_.emplace_back(Validate{connections_.id(connection)});
    } else {
      hand(now, database.waiters.front(), connection);
    }
  }
}

// Gives tokens to waiters, databases in the order of their oldest waiter: free tokens, then those that
// closing connections will return, then those of idle connections of other databases.
void Core::dispatch(TimePoint now) {
  promised_ = 0;
  others_promised_ = 0;
  for (const auto index : waiting_) {
    databases_[index].promised = 0;
    databases_[index].blocked = false;
  }
  for (;;) {
    std::uint32_t first = kNone;
    std::uint64_t first_turn = 0;
    for (const auto index : waiting_) {
      const Database& database = databases_[index];
      if (database.blocked || database.uncovered() <= database.promised) continue;
      const std::uint64_t turn = waiters_[database.waiters.front()].turn;
      if (first == kNone || turn < first_turn) {
        first = index;
        first_turn = turn;
      }
    }
    if (first == kNone) return;
    if (!make_room(now, first)) databases_[first].blocked = true;
  }
}

bool Core::token_free(const Database& wanting) const {
  return static_cast<std::int64_t>(connections_.size()) < settings_.max_open_conns &&
         wanting.total < limit_of(wanting) && (wanting.system || others_ < others_limit());
}

// While connecting fails, one attempt at a time is made, at the end of each back-off, and room is made for
// one.
bool Core::held_back(TimePoint now, const Database& database) const {
  const auto held = [&](const Backoff& backoff, std::int64_t opening, std::int64_t promised) {
    return backoff.waiting(now) ||
           (backoff.failing() && (opening > 0 || (promised > 0 && !token_free(database))));
  };
  return held(server_, statistics_.opening, promised_) ||
         held(database.backoff, database.opening, database.promised);
}

bool Core::others_full(const Database& wanting) const {
  return !wanting.system && others_live() + others_promised_ >= others_limit();
}

bool Core::all_full() const {
  return live() + promised_ >= settings_.max_open_conns;
}

bool Core::could_connect(TimePoint now, std::uint32_t index) const {
  const Database& database = databases_[index];
  if (suspended_ || held_back(now, database) || database.live() + database.promised >= limit_of(database))
    return false;
  return !(others_full(database) || all_full()) || evictable(database) != kNone;
}

// True when one more waiter has a connection or a token on its way.
bool Core::make_room(TimePoint now, std::uint32_t index) {
  if (!could_connect(now, index)) return false;
  Database& database = databases_[index];
  if (others_full(database) || all_full()) {
    const auto victim = evictable(database);
    leave_idle(victim);
    close(victim);
    ++statistics_.evicted;
  }
  if (token_free(database)) {
    open(now, index);
  } else {
    ++database.promised;
    ++promised_;
    if (!database.system) ++others_promised_;
  }
  return true;
}

// The least recently used idle connection whose token `wanting` may have. The system database gives up what
// it holds above its reserve, which is what the others' limit leaves.
std::uint32_t Core::evictable(const Database& wanting) const {
  const bool from_others = wanting.system || others_full(wanting);
  for (auto index = idle_.front(); index != kNone; index = connections_[index].all_idle.next) {
    const Database& owner = databases_[connections_[index].database];
    if (&owner != &wanting && !(owner.system && from_others)) return index;
  }
  return kNone;
}

void Core::open(TimePoint now, std::uint32_t at) {
  Database& database = databases_[at];
  const ConnectionId id = connections_.insert({});
  Connection& connection = connections_[connections_.find(id)];
  connection.database = at;
  connection.era = era_;
  connection.since = now;
  ++database.total;
  ++database.opening;
  ++statistics_.opening;
  if (!database.system) ++others_;
  statistics_.open_high_water =
      std::max(statistics_.open_high_water, static_cast<std::int64_t>(connections_.size()));
  actions_.emplace_back(Open{id, database.name});
}

// Of a connection in no list and no gauge.
void Core::close(std::uint32_t index) {
  Database& database = databases_[connections_[index].database];
  connections_[index].state = State::kClosing;
  ++database.closing;
  ++statistics_.closing;
  if (!database.system) ++others_closing_;
  actions_.emplace_back(Close{connections_.id(index)});
}

// Of a connection that has no socket any more.
void Core::forget(std::uint32_t index) {
  Database& database = databases_[connections_[index].database];
  --database.total;
  if (!database.system) --others_;
  connections_.erase(index);
}

}  // namespace storagepool::engine
