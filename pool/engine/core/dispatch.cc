// Who gets a token: the part of the core that spends them.
#include <algorithm>

#include "pool/engine/core/core.h"

namespace storagepool::engine {

using Want = Demand::Want;

void Core::dispatch(TimePoint now) {
  look_again_ = TimePoint::max();
  serve_trial();
  if (!demand_.want_anywhere()) return;
  spend_free_tokens(now);
  make_room(now);
}

// Rare and short, so that it need not be fair: it goes before all others.
void Core::serve_trial() {
  if (trial_ != Trial::kWaits || suspended_) return;
  if (static_cast<std::int64_t>(sockets()) < settings_.max_open_conns) {
    trial_ = Trial::kHasToken;
    statistics_.open_high_water = std::max(statistics_.open_high_water, static_cast<std::int64_t>(sockets()));
  } else if (trial_lacks_token() && idle_size() > 0) {
    const auto oldest = eviction_.least_recently_used();
    leave_idle(oldest);
    close(oldest);
    ++statistics_.evicted;
  }
}

// A trial waits, and no connection that closes will return a token for it.
bool Core::trial_lacks_token() const {
  return trial_ == Trial::kWaits && live() >= settings_.max_open_conns;
}

// While connecting fails, one attempt at a time is made, at the end of each back-off; then slow start.
bool Core::held_back(TimePoint now) const {
  return suspended_ || server_.waiting(now) || (server_.failing() && population_.opening > 0) ||
         population_.opening >= at_a_time_;
}

// Free tokens that are not spent yet only because the pool recovers from an outage.
std::int64_t Core::held_tokens() const {
  if (at_a_time_ == kUnbounded || server_.failing()) return 0;
  return std::max<std::int64_t>(0, settings_.max_open_conns - static_cast<std::int64_t>(sockets()));
}

void Core::spend_free_tokens(TimePoint now) {
  while (static_cast<std::int64_t>(sockets()) < settings_.max_open_conns && !held_back(now)) {
    const bool ordinary = ordinary_sockets_ < ordinary_limit();
    const auto next =
        demand_.older(demand_.front_of(Want::kFirst, ordinary), demand_.front_of(Want::kMore, ordinary));
    if (next == kNone) return;
    open(now, next);
  }
}

// When room may be made for the oldest waiter of a database. One that already has a connection, or is about
// to, first sees whether that is enough.
TimePoint Core::due(std::uint32_t index) const {
  const TimePoint arrived = demand_.oldest(index).arrived;
  if (demand_.want(index) == Want::kFirst) return arrived;
  return arrived + (demand_.opening(index) > 0 ? eviction_.patience() : eviction_.hesitation());
}

// Of what, if of anything, more is due than the tokens that closing connections will return.
Eviction::Shortage Core::shortage(TimePoint now) const {
  const auto some = [&](std::uint32_t index) { return index != kNone && due(index) <= now ? 1 : 0; };
  std::int64_t ordinary = demand_.wanting_ordinary(Want::kFirst) + some(demand_.front_ordinary(Want::kMore));
  std::int64_t system = some(demand_.wanting_system());
  if (server_.failing()) {  // room is made for the one attempt
    system = std::min<std::int64_t>(system, 1);
    ordinary = std::min<std::int64_t>(ordinary, 1 - system);
  }
  const std::int64_t ordinary_room = std::max<std::int64_t>(0, ordinary_limit() - ordinary_live());
  return {.any = system + std::min(ordinary, ordinary_room) > settings_.max_open_conns - live(),
          .ordinary = ordinary > ordinary_room};
}

bool Core::moving_enough() const {
  return !window_.admits(static_cast<double>(population_.opening + population_.closing));
}

void Core::make_room(TimePoint now) {
  while (!held_back(now) && !moving_enough() && idle_size() > 0) {
    const auto first = demand_.front_of(Want::kFirst);
    const auto more = demand_.front_of(Want::kMore);
    const auto index = eviction_.victim(now, shortage(now));
    if (index == kNone) {
      if (more != kNone && due(more) > now) look_again_ = due(more);
      return;
    }
    const TimePoint arrived = demand_.oldest(demand_.older(first, more)).arrived;
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
  const auto older = demand_.front_of(Want::kFirst);
  if (older == kNone || now - demand_.oldest(older).arrived < eviction_.patience()) return false;
  const std::uint32_t own = connection.database;
  if (demand_.oldest(older).turn > demand_.oldest(own).turn) return false;
  const Eviction::Shortage short_of = shortage(now);
  return eviction_.victim(now, short_of) == kNone && short_of.helped_by(databases_[own].system);
}

// Whether the newest waiter of a database, for whom no connection is being made, has no token coming either.
bool Core::waits_for_release(TimePoint now, std::uint32_t index) const {
  if (held_back(now) || demand_.want(index) != Want::kFirst) return true;
  return shortage(now).helped_by(databases_[index].system);
}

}  // namespace storagepool::engine
