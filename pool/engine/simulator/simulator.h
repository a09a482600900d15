// Drives a Core through one random schedule, and a Model beside it that checks every invariant of core.h
// after every event. The world around the core is simulated: clients that come, give up at any moment, or
// hold a connection; connects that are slow, fail, are refused by a full server or never answered; a server
// that restarts; connections that die unnoticed; late timers and news; events at the very nanosecond of a
// deadline, just before and just after; and an owner who resizes, suspends, retires, closes databases and
// drains.
//
// A seed is one schedule, and gives the same one every time. Most have three databases; some have tens, a few
// have thousands. Which events are frequent is drawn for each schedule, so that some see little else.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "pool/engine/core/core.h"
#include "pool/engine/simulator/model.h"

namespace storagepool::engine::simulator {

// Runs the schedule of `seed` and adds to `coverage` what happened in it. Returns nothing if every invariant
// held, else the seed, the step, the violated invariant and the last events, from a second run of the same
// schedule.
std::optional<std::string> run_schedule(std::uint64_t seed, Coverage& coverage);

class Simulator {
 public:
  // `traced` keeps the last events as text, which is slow.
  // One at a time runs in a process, since the core's checks count for all.
  Simulator(std::uint64_t seed, bool traced);

  void run();  // throws Violation
  int step() const { return step_; }
  const Coverage& coverage() const { return coverage_; }
  const std::deque<std::string>& trace() const { return trace_; }

 private:
  struct Shape {  // how large a schedule is
    int databases;
    int steps;
    int max_open;
  };
  struct Kind {
    int weight;
    void (Simulator::*run)();
  };
  static const std::vector<Kind>& kinds();

  // simulator.cc: chance, time and the course of a schedule.
  Shape random_shape(std::uint64_t seed);
  settings::Settings random_settings();
  bool chance(double probability);
  int below(int bound);
  std::chrono::nanoseconds up_to(std::chrono::nanoseconds bound);
  int any_database();
  std::optional<ConnectionId> any(State state);
  bool never_answered(ConnectionId id) const;
  void pass_time();
  std::optional<TimePoint> some_deadline();
  void take_step();
  void wind_down();
  bool wind_up_world();
  void begin(const char* what, int database = -1);
  void settle();

  // clients.cc: those who use the pool.
  void acquire();
  void burst();
  void abandon();
  void release();
  void acquire_one(int database);
  bool take_idle(int database, TimePoint deadline);
  void release_one(ConnectionId id, bool healthy);

  // world.cc: the server, the network, the clock and the owner.
  void answer_connect();
  void let_go();
  void answer_validation();
  void die();
  void restart();
  void neighbours_change();
  void tick();
  void stale_news();
  template <typename News>
  void contradict(const News& news) {  // what the core must count as a violation
    ++contradictions_;
    news();
  }
  void reconfigure();
  void reconfigure_storm();
  void suspend_or_resume();
  void retire();
  void close_database();
  void reopen_database();
  void drain();
  void connected(ConnectionId id, bool surely);
  void set_suspended(bool suspended);
  void reopen(std::size_t index);
  void let_go_of(ConnectionId id);
  void answer_validation_of(ConnectionId id);
  void lose(ConnectionId id);
  std::optional<OpenFailure> why_refused(const Connection& connection);

  std::mt19937_64 random_;
  Coverage coverage_;
  Shape shape_;
  settings::Settings settings_;
  Core core_;
  Model model_;
  std::vector<int> weights_;  // of kinds(), for this schedule
  int weight_ = 0;            // of all
  WaiterId taken_ = 0;        // how many connections were taken without a waiter
  double failure_rate_;
  double impatience_;  // the share of clients who wait for a moment only
  int clients_;        // at a time
  TimePoint now_{std::chrono::hours(1)};
  TimePoint up_at_;        // until then the server is down
  int server_slots_;       // the server refuses connections above, because others have the rest
  std::uint64_t salt_;     // of never_answered
  bool rejected_ = false;  // the server refuses the credentials
  bool suspended_ = false;
  std::vector<int> closed_;  // databases, once for each close
  bool traced_;
  int step_ = 0;
  const std::uint64_t violations_before_;  // of the core's own checks, in this process
  std::uint64_t contradictions_ = 0;
  std::vector<Action> actions_;
  std::deque<std::string> trace_;
};

}  // namespace storagepool::engine::simulator
