// Who gets a token: the part of the core that spends them. The databases whose waiters want tokens are kept
// in the order of their oldest waiter, so that an event costs O(log n) however many databases wait.
#include <algorithm>
#include <utility>

#include "pool/engine/core/core.h"

namespace storagepool::engine {

// Brings up to date what is kept about a database for the dispatch.
void Core::refresh(TimePoint now, std::uint32_t index) {
  Database& database = databases_[index];
  const std::int32_t uncovered = database.uncovered();
  if (uncovered == 0 && database.uncovered_then == 0) return;
  uncovered_ += uncovered - std::exchange(database.uncovered_then, uncovered);
  const Want before = std::exchange(database.want, want_of(now, database));
  if (database.want == Want::kNothing && before == Want::kNothing) return;
  wanting_ += (database.want == Want::kNothing ? 0 : 1) - (before == Want::kNothing ? 0 : 1);
  if (database.system) return;
  if (before != Want::kNothing && before != database.want) heap_of(before).erase(index);
  if (database.want != Want::kNothing) heap_of(database.want).set(index, front(index).turn);
}

Core::Want Core::want_of(TimePoint now, const Database& database) const {
  if (database.uncovered() == 0 || database.total >= limit_of(database)) return Want::kNothing;
  const Backoff& backoff = database.backoff;
  if (backoff.failing() && (backoff.waiting(now) || database.opening > 0)) return Want::kNothing;
  return database.live() == 0 ? Want::kFirst : Want::kMore;
}

void Core::dispatch(TimePoint now) {
  look_again_ = TimePoint::max();
  if (wanting_ == 0) return;
  spend_free_tokens(now);
  make_room(now);
}

// While connecting fails, one attempt at a time is made, at the end of each back-off.
bool Core::held_back(TimePoint now) const {
  return suspended_ || server_.waiting(now) || (server_.failing() && statistics_.opening > 0);
}

void Core::spend_free_tokens(TimePoint now) {
  while (static_cast<std::int64_t>(connections_.size()) < settings_.max_open_conns && !held_back(now)) {
    const bool ordinary = ordinary_sockets_ < ordinary_limit();
    const auto next = older(oldest(Want::kFirst, ordinary), oldest(Want::kMore, ordinary));
    if (next == kNone) return;
    open(now, next);
    refresh(now, next);
  }
}

// Of the databases with this wish, the one with the oldest waiter; kNone when there is none.
std::uint32_t Core::oldest(Want want, bool with_ordinary) const {
  const bool system = system_ != kNone && databases_[system_].want == want;
  const TurnHeap& heap = want == Want::kFirst ? first_ : more_;
  return older(system ? system_ : kNone, with_ordinary && !heap.empty() ? heap.front() : kNone);
}

std::uint32_t Core::older(std::uint32_t a, std::uint32_t b) const {
  if (a == kNone || b == kNone) return a == kNone ? b : a;
  return front(a).turn < front(b).turn ? a : b;
}

// When room may be made for the oldest waiter of a database. One that already has a connection, or is about
// to, first sees whether that is enough.
TimePoint Core::due(std::uint32_t index) const {
  const Database& database = databases_[index];
  const TimePoint arrived = front(index).arrived;
  if (database.want == Want::kFirst) return arrived;
  return arrived + (database.opening > 0 ? eviction_.patience() : eviction_.hesitation());
}

// Of what, if of anything, more is due than the tokens that closing connections will return.
Eviction::Shortage Core::shortage(TimePoint now) const {
  const auto some = [&](std::uint32_t index) { return index != kNone && due(index) <= now ? 1 : 0; };
  std::int64_t ordinary =
      static_cast<std::int64_t>(first_.size()) + some(more_.empty() ? kNone : more_.front());
  std::int64_t system = system_ != kNone && databases_[system_].want != Want::kNothing ? some(system_) : 0;
  if (server_.failing()) {  // room is made for the one attempt
    system = std::min<std::int64_t>(system, 1);
    ordinary = std::min<std::int64_t>(ordinary, 1 - system);
  }
  const std::int64_t ordinary_room = std::max<std::int64_t>(0, ordinary_limit() - ordinary_live());
  return {.any = system + std::min(ordinary, ordinary_room) > settings_.max_open_conns - live(),
          .ordinary = ordinary > ordinary_room};
}

bool Core::moving_enough() const {
  return !window_.admits(static_cast<double>(statistics_.opening + statistics_.closing));
}

void Core::make_room(TimePoint now) {
  while (!held_back(now) && !moving_enough() && idle_size() > 0) {
    const auto first = oldest(Want::kFirst);
    const auto more = oldest(Want::kMore);
    const auto index = eviction_.victim(now, shortage(now));
    if (index == kNone) {
      if (more != kNone && due(more) > now) look_again_ = due(more);
      return;
    }
    const TimePoint arrived = front(older(first, more)).arrived;
    const TimePoint ripe = eviction_.ripe(index, arrived);
    if (ripe > now) {
      look_again_ = ripe;
      return;
    }
    leave_idle(index);
    close(index);
    ++statistics_.evicted;
  }
}

// Whether a connection that comes free while its own database has waiters goes to another that has none.
bool Core::should_yield(TimePoint now, const Connection& connection) const {
  if (held_back(now) || moving_enough() || now - connection.opened_at < eviction_.patience()) return false;
  const auto other = oldest(Want::kFirst);
  if (other == kNone || now - front(other).arrived < eviction_.patience()) return false;
  const Database& database = databases_[connection.database];
  if (front(other).turn > front(connection.database).turn) return false;
  const Eviction::Shortage short_of = shortage(now);
  return eviction_.victim(now, short_of) == kNone && short_of.helped_by(database.system);
}

// Whether the newest waiter of a database, for whom no connection is being made, has no token coming either.
bool Core::waits_for_release(TimePoint now, const Database& database) const {
  if (held_back(now) || database.want != Want::kFirst) return true;
  return shortage(now).helped_by(database.system);
}

}  // namespace storagepool::engine
