// Drives a Core with one seeded random schedule of clients, slow and failing connects, lost connections,
// checks, cancellations, late timers, resizes and a drain, over three databases, and keeps its own simple
// model of what must be true. After every event the invariants of core.h are checked against the model; the
// same seed gives the same schedule on every machine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "pool/engine/core.h"

namespace storagepool::engine {

class Simulator {
 public:
  explicit Simulator(std::uint64_t seed);

  // Runs `steps` random events, then lets everything end. Throws std::runtime_error that names the violated
  // invariant and the last events.
  void run(int steps);

  struct Coverage {
    std::int64_t handed = 0;
    std::int64_t failed = 0;
    std::int64_t opens = 0;
    std::int64_t open_failures = 0;
    std::int64_t evicted = 0;
    std::int64_t resizes = 0;
    std::int64_t validations = 0;
  };
  const Coverage& coverage() const { return coverage_; }

 private:
  enum class State { kOpening, kIdle, kValidating, kInUse, kClosing, kPlacing };
  struct Connection {
    int database;
    State state;
    TimePoint opened_at;  // while opening: the start of the connect
    TimePoint idle_since;
    bool fresh = false;  // just used, opened or validated
  };
  struct Waiter {
    WaiterId id;
    int database;
    TimePoint arrived;
    TimePoint deadline;
  };
  struct Outage {
    bool failing = false;
    TimePoint last_failure;
    bool fading = false;  // of a database unused for long: the core may have forgotten it
  };

  // simulator.cc: the schedule.
  bool chance(double probability);
  int below(int bound);
  std::chrono::milliseconds up_to(int milliseconds);
  settings::Settings random_settings();
  std::optional<ConnectionId> any(State state);
  void step();
  void acquire();
  void cancel();
  void answer_open(ConnectionId id, bool success);
  void release(ConnectionId id, bool reusable);
  void reconfigure();
  void drain();
  void wind_down();
  void note(std::string event);

  // simulator_model.cc: the model and the invariants.
  [[noreturn]] void violated(const std::string& what) const;
  void require(bool condition, const char* what) const {
    if (!condition) violated(what);
  }
  void apply();
  void apply_open(const Open& open);
  void apply_hand(const Hand& hand);
  void apply_fail(const Fail& fail);
  void check();
  void check_limits() const;
  void check_nobody_waits_in_vain() const;
  void check_timer() const;
  void check_statistics() const;
  bool room(int database) const;  // a token that it may have is free
  bool held_back(int database) const;
  int count(State state, int database = -1) const;
  int sockets(int database = -1) const;
  int live(int database = -1) const { return sockets(database) - count(State::kClosing, database); }
  int others_sockets() const { return sockets() - sockets(0); }
  int others_live() const { return live() - live(0); }
  int queued(int database) const;
  int limit_of(int database) const;
  int others_limit() const;

  std::mt19937_64 random_;
  settings::Settings settings_;
  Core core_;
  TimePoint now_{std::chrono::hours(1)};
  bool server_up_ = true;
  bool draining_ = false;
  TimePoint drain_deadline_ = TimePoint::max();
  std::map<ConnectionId, Connection> connections_;
  std::vector<Waiter> waiters_;  // in order of arrival
  Outage server_;
  std::vector<Outage> databases_;
  int sockets_before_ = 0;
  std::vector<Action> actions_;
  std::vector<std::string> events_;
  Coverage coverage_;
};

}  // namespace storagepool::engine
