// What the owner of the pool orders: other settings, an end, a pause, other credentials, a database's end;
// and what it asks: how each database fares.
#include <algorithm>

#include "pool/common/runtime/check.h"
#include "pool/engine/core/core.h"

namespace storagepool::engine {

void Core::reconfigure(TimePoint now, const settings::Settings& settings) {
  settings_ = settings;
  eviction_.reconfigure(settings.acquire_timeout);
  demand_.reconfigure(limits(settings));
  idle_time_check_ = lifetime_check_ = TimePoint::min();
  advance(now);
  close_unwanted();
  dispatch(now);
}

void Core::drain(TimePoint now, TimePoint deadline) {
  advance(now);
  draining_ = true;
  if (trial_ == Trial::kWaits) trial_ = Trial::kNotWanted;
  deadlines_.clear();
  demand_.each([&](std::uint32_t waiter) {
    demand_[waiter].deadline = std::min(demand_[waiter].deadline, deadline);
    deadlines_.push(demand_[waiter].deadline, demand_.id(waiter), demand_.size(),
                    [](WaiterId) { return true; });
  });
  close_unwanted();
  dispatch(now);
}

void Core::suspend(TimePoint now) {
  advance(now);
  suspended_ = true;
  close_unwanted();
  dispatch(now);
}

void Core::resume(TimePoint now) {
  advance(now);
  suspended_ = false;
  dispatch(now);
}

void Core::retire(TimePoint now) {
  advance(now);
  ++era_;
  // What only a person can mend may have been mended by what this is called for: no waiting to find out.
  if (server_.lasting()) answered_connect();
  for (std::uint32_t index = 0; index < databases_.end(); ++index) {
    if (!databases_[index].backoff.lasting()) continue;
    databases_[index].backoff.succeeded();
    allow(now, index);
  }
  close_unwanted();
  dispatch(now);
}

void Core::want_trial(TimePoint now) {
  advance(now);
  if (!draining_ && trial_ == Trial::kNotWanted) trial_ = Trial::kWaits;
  dispatch(now);
}

void Core::end_trial(TimePoint now) {
  advance(now);
  trial_ = Trial::kNotWanted;
  dispatch(now);
}

void Core::close_database(TimePoint now, std::string_view name) {
  advance(now);
  const std::uint32_t index = enter_database(now, name);
  Database& database = databases_[index];
  ++database.closers;
  while (!demand_.empty(index)) fail(now, demand_.front(index), closed_error(database));
  close_unwanted();
  settle(now, index);
}

void Core::reopen_database(TimePoint now, std::string_view name) {
  advance(now);
  const std::uint32_t index = find_database(name);
  if (!STORAGEPOOL_EXPECT(index != kNone && databases_[index].closers > 0,
                          "reopening of a database that is not closed"))
    return dispatch(now);
  --databases_[index].closers;
  settle(now, index);
}

bool Core::has_connections(std::string_view name) const {
  const std::uint32_t index = find_database(name);
  return index != kNone && demand_.sockets(index) > 0;
}

std::int64_t Core::retired() const {
  std::int64_t count = trial_has_token() ? 1 : 0;
  for (std::uint32_t index = 0; index < connections_.end(); ++index) {
    if (connections_.used(index) && connections_[index].era != era_) ++count;
  }
  return count;
}

std::vector<DatabaseStatistics> Core::database_statistics() const {
  std::vector<DatabaseStatistics> all;
  all.reserve(databases_.size());
  for (std::uint32_t index = 0; index < databases_.end(); ++index) {
    if (!databases_.used(index) || (demand_.sockets(index) == 0 && demand_.empty(index))) continue;
    const Database& database = databases_[index];
    const std::int64_t open = demand_.live(index) - demand_.opening(index);
    const auto idle = static_cast<std::int64_t>(database.idle.size());
    all.push_back({.name = std::string(database.name),
                   .max_open = demand_.limit(index),
                   .open = open,
                   .in_use = open - idle,
                   .idle = idle,
                   .waiting = demand_.queued(index)});
  }
  return all;
}

// Idle connections that may not be kept go at once, busy ones when they come back (`place`).
void Core::close_unwanted() {
  close_idle_if([&](std::uint32_t index) { return unwanted(connections_[index]); });
  close_unused(now_);
}

}  // namespace storagepool::engine
