// What becomes of a connection: it is opened, handed out, kept idle or closed.
#include <algorithm>

#include "pool/common/runtime/check.h"
#include "pool/engine/core/core.h"

namespace storagepool::engine {

// One at least, whatever is kept for the system database: with a limit of one they take turns.
std::int64_t Core::ordinary_limit() const {
  return std::max<std::int64_t>(1, settings_.max_open_conns - settings_.system_conns);
}

Demand::Limits Core::limits(const settings::Settings& settings) {
  return {.system = settings.max_open_conns, .per_ordinary = settings.max_conns_per_database};
}

std::int64_t Core::live() const {
  return static_cast<std::int64_t>(sockets()) - population_.closing;
}
std::int64_t Core::ordinary_live() const {
  return ordinary_sockets_ - ordinary_closing_;
}

bool Core::over_limit(std::uint32_t index) const {
  return live() > settings_.max_open_conns || demand_.live(index) > demand_.limit(index) ||
         (!databases_[index].system && ordinary_live() > ordinary_limit());
}

// Whether a connection must not be handed out, or be kept idle, any more.
bool Core::unwanted(const Connection& connection) const {
  return suspended_ || databases_[connection.database].closers > 0 || connection.era != era_ ||
         over_limit(connection.database);
}

// A healthy connection that nobody holds, in no list and no gauge.
void Core::place(TimePoint now, std::uint32_t index) {
  const Connection& connection = connections_[index];
  const std::uint32_t database = connection.database;
  if (lifetime_end(connection) <= now) {
    ++statistics_.max_lifetime_closed;
    close(index);
  } else if (unwanted(connection) || trial_lacks_token() || (draining_ && demand_.empty(database))) {
    close(index);
  } else if (!demand_.empty(database)) {
    if (should_yield(now, connection)) {
      ++statistics_.evicted;
      close(index);
    } else {
      hand(now, demand_.front(database), index);
    }
  } else {
    make_idle(now, index);
  }
}

void Core::make_idle(TimePoint now, std::uint32_t index) {
  Connection& connection = connections_[index];
  connection.state = State::kIdle;
  const bool lingers = this->lingers(now);
  eviction_.enter(now, index);
  databases_[connection.database].idle.push_back(connections_, index);
  lifetime_check_ = std::min(lifetime_check_, lifetime_end(connection));
  if (!lingers) return close_unused(now);
  const bool surplus = idle_size() > kept_idle();
  idle_time_check_ =
      std::min(idle_time_check_, idle_time_end(surplus ? eviction_.least_recently_used() : index));
}

// Whether one more may become idle without that any is closed for it.
bool Core::lingers(TimePoint now) const {
  if (idle_size() < kept_idle()) return true;
  const auto oldest = eviction_.least_recently_used();
  const TimePoint since = oldest == kNone ? now : eviction_.idle_since(oldest);
  return !draining_ && since + settings_.surplus_idle_time > now;
}

bool Core::to_be_checked(TimePoint now, std::uint32_t index) const {
  const TimePoint heard = eviction_.idle_since(index);
  return now - heard >= settings_.validate_after_idle || heard <= doubted_;
}

void Core::leave_idle(std::uint32_t index) {
  eviction_.leave(index);
  databases_[connections_[index].database].idle.erase(connections_, index);
}

// For somebody who asked for it.
void Core::take_idle(std::uint32_t index) {
  eviction_.take(index);
  databases_[connections_[index].database].idle.erase(connections_, index);
}

void Core::hand(TimePoint now, std::uint32_t waiter, std::uint32_t connection) {
  connections_[connection].state = State::kInUse;
  ++population_.in_use;
  actions_.emplace_back(Hand{demand_.id(waiter), connections_.id(connection)});
  answered(now, waiter);
}

// Idle connections go to waiters most recently used first: the others may then grow old enough to be closed.
// One that was idle for long is checked first, and covers its waiter meanwhile.
void Core::serve_from_idle(TimePoint now, std::uint32_t index) {
  const Database& database = databases_[index];
  while (!database.idle.empty() && demand_.queued(index) > demand_.checking(index)) {
    const auto connection = database.idle.back();
    const bool check = to_be_checked(now, connection);
    take_idle(connection);
    if (check) {
      connections_[connection].state = State::kValidating;
      demand_.check_begun(index);
      ++population_.in_use;
      actions_.emplace_back(Validate{connections_.id(connection)});
    } else {
      hand(now, demand_.front(index), connection);
    }
  }
}

void Core::open(TimePoint now, std::uint32_t at) {
  const Database& database = databases_[at];
  const ConnectionId id = connections_.insert({});
  const auto index = connections_.find(id);
  Connection& connection = connections_[index];
  connection.database = at;
  connection.era = era_;
  connection.began = now;
  eviction_.add(index, database.system);
  demand_.connect_begun(at);
  ++population_.opening;
  if (!database.system) ++ordinary_sockets_;
  const auto sockets = static_cast<std::int64_t>(this->sockets());
  // Nothing else adds a socket, so that what is above a limit that was made smaller can only fall.
  STORAGEPOOL_INVARIANT(sockets <= settings_.max_open_conns, "E1: more sockets than maxOpenConns",
                        {"sockets", sockets}, {"max_open_conns", settings_.max_open_conns},
                        {"opening", population_.opening}, {"idle", idle_size()},
                        {"in_use", population_.in_use}, {"closing", population_.closing});
  statistics_.open_high_water = std::max(statistics_.open_high_water, sockets);
  actions_.emplace_back(Open{id, std::string(database.name)});
}

// Of a connection in no list and no gauge.
void Core::close(std::uint32_t index) {
  const std::uint32_t at = connections_[index].database;
  connections_[index].state = State::kClosing;
  demand_.close_begun(at);
  ++population_.closing;
  if (!databases_[at].system) ++ordinary_closing_;
  actions_.emplace_back(Close{connections_.id(index)});
}

// Of a connection that has no socket any more.
void Core::forget(std::uint32_t index) {
  if (!databases_[connections_[index].database].system) --ordinary_sockets_;
  connections_.erase(index);
}

}  // namespace storagepool::engine
