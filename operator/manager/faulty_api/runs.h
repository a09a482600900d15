// Schedules with an operator each, in namespaces of their own, on a control plane of the test's own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "operator/manager/faulty_api/faulty_api.h"
#include "operator/manager/faulty_api/schedule.h"
#include "operator/manager/faulty_api/snapshot.h"
#include "operator/manager/faulty_api/world.h"
#include "operator/manager/testing/control_plane.h"

namespace storagepool::manager::faulty_api {

// Held up by what is half-open, and by sessions of pods that nobody has seen to end.
inline constexpr std::chrono::seconds kDeadline{150};

// STORAGEPOOL_TEST_SEED is the first seed of the schedules, STORAGEPOOL_TEST_SEEDS how many are tried, until
// one fails, which its message names.
void try_seeds(const std::function<void(std::uint64_t)>& try_one);

// One that is started again whenever it ends, as the kubelet does.
class Operator {
 public:
  Operator(std::vector<std::string> command, std::string log);
  // While there is none, nothing.
  void kill();
  int starts() const { return starts_; }
  std::string log() const;

 private:
  void run(const std::stop_token& stop);

  const std::vector<std::string> command_;
  const std::string log_;
  std::mutex mutex_;
  std::optional<testing::Process> process_;
  std::atomic<int> starts_ = 0;
  std::jthread thread_;
};

class Runs : public ::testing::Test {
 protected:
  struct Setting {
    std::uint64_t seed = 0;  // of the schedule
    std::string name;
    Faults faults = {};
    std::uint64_t fates = 0;             // their seed
    std::vector<std::string> program{};  // empty: the operator
  };
  struct Run {
    Run(Runs& test, Setting setting);
    ~Run() { api.heal(); }

    std::string name_space;
    std::vector<Step> steps;
    Journal journal;
    FaultyApi api;
    std::string failure;
    std::optional<Operator> operator_;
  };

  Runs();

  // Users of all at once, when the operators have begun, so that a slow one is spared nothing. Then nothing
  // is drawn any more.
  void carry_out_all(const std::vector<Run*>& runs);
  Snapshot snapshot(const Run& run) const;
  // All that was asked for is done, and nothing is written.
  bool rests(const Run& run) const;
  // For the message of a failure.
  static std::string of(const Run& run);

  testing::ControlPlane control_plane_;
  std::optional<World> world_;

 private:
  std::vector<std::string> command(const Run& run, std::vector<std::string> program);
  bool is_done(const Run& run) const;
};

}  // namespace storagepool::manager::faulty_api
