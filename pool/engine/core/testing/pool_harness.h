// A core at a time of its own for tests, whose actions are sorted into what a test asks for.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pool/engine/core/core.h"

namespace storagepool::engine::testing {

inline constexpr const char* kSystem = "system";

struct Pool {
  explicit Pool(const settings::Settings& settings) : core(kSystem, settings, std::mt19937_64(1)) {}

  WaiterId acquire(const std::string& database = kSystem,
                   std::chrono::milliseconds time = std::chrono::hours(1)) {
    const auto id = core.acquire(now, database, now + time);
    collect();
    return id;
  }
  // Of a waiter that was served; 0 when it was not.
  ConnectionId handed(WaiterId waiter) const {
    for (const auto& hand : hands) {
      if (hand.waiter == waiter) return hand.connection;
    }
    return 0;
  }
  // Why a waiter failed; nothing when it did not.
  std::optional<AcquireError::Reason> failed(WaiterId waiter) const {
    for (const auto& fail : fails) {
      if (fail.waiter == waiter) return fail.error.reason;
    }
    return std::nullopt;
  }
  AcquireError error(WaiterId waiter) const {
    for (const auto& fail : fails) {
      if (fail.waiter == waiter) return fail.error;
    }
    return {};
  }
  void open_all() {
    while (!opens.empty()) {
      const auto id = opens.front().connection;
      opens.erase(opens.begin());
      core.opened(now, id);
      collect();
    }
  }
  void close_all() {
    while (!closes.empty()) {
      const auto id = closes.front();
      closes.erase(closes.begin());
      core.closed(now, id);
      collect();
    }
  }
  ConnectionId lease(const std::string& database = kSystem) {
    const auto waiter = acquire(database);
    close_all();
    open_all();
    return handed(waiter);
  }
  std::vector<WaiterId> acquire_several(std::size_t count) {
    std::vector<WaiterId> waiters(count);
    for (auto& waiter : waiters) waiter = acquire();
    return waiters;
  }
  std::vector<ConnectionId> lease_several(std::size_t count) {
    std::vector<ConnectionId> connections(count);
    for (auto& connection : connections) connection = lease();
    return connections;
  }
  void fail_open(OpenFailure failure) {
    const auto id = opens.front().connection;
    opens.erase(opens.begin());
    core.open_failed(now, id, std::move(failure));
    collect();
  }
  void release(ConnectionId id, bool reusable = true) {
    core.release(now, id, reusable);
    collect();
  }
  void advance(std::chrono::milliseconds time) {
    now += time;
    core.tick(now);
    collect();
  }
  void reconfigure(const settings::Settings& settings) {
    core.reconfigure(now, settings);
    collect();
  }
  void collect() {
    std::vector<Action> actions;
    core.take_actions(actions);
    for (auto& action : actions) {
      if (auto* open = std::get_if<Open>(&action)) opens.push_back(*open);
      if (auto* close = std::get_if<Close>(&action)) closes.push_back(close->connection);
      if (auto* hand = std::get_if<Hand>(&action)) hands.push_back(*hand);
      if (auto* fail = std::get_if<Fail>(&action)) fails.push_back(*fail);
      if (auto* validate = std::get_if<Validate>(&action)) validates.push_back(validate->connection);
    }
  }
  Statistics statistics() const { return core.statistics(); }

  TimePoint now{std::chrono::hours(1)};
  Core core;
  std::vector<Open> opens;
  std::vector<ConnectionId> closes;
  std::vector<ConnectionId> validates;
  std::vector<Hand> hands;
  std::vector<Fail> fails;
};

}  // namespace storagepool::engine::testing
