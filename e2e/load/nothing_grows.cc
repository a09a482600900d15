// Under a steady load for minutes neither memory nor descriptors of any program grow.
// $STORAGEPOOL_LOAD_MINUTES says how long, 1 to 60; 3 without it.
#include <chrono>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "e2e/load/under_load.h"
#include "e2e/load/watch.h"

namespace storagepool::e2e {
namespace {

using std::chrono::steady_clock;

constexpr int kPods = 3;
constexpr double kRate = 500;       // requests a second
constexpr double kMemory = 3;       // MiB that a program's memory may grow by over the time
constexpr double kDescriptors = 2;  // by which they may

std::chrono::minutes minutes() {
  const char* given = std::getenv("STORAGEPOOL_LOAD_MINUTES");
  if (given == nullptr || *given == '\0') return std::chrono::minutes{3};
  const int value = std::atoi(given);
  if (value < 1 || value > 60)
    throw std::runtime_error(std::string("STORAGEPOOL_LOAD_MINUTES: got ") + given + "; allowed: 1 to 60");
  return std::chrono::minutes{value};
}

class NothingGrows : public UnderLoad {};

TEST_F(NothingGrows, WithAHundredUsers) {
  const std::chrono::seconds time = minutes();
  ASSERT_NO_FATAL_FAILURE(start(kPods, {{"pool", {{"maxOpenConns", 25}}}}));
  std::map<std::string, pid_t> processes{{"the operator", operator_process()}};
  for (int i = 0; i < kPods; ++i) {
    const std::string pod = kName + ("-" + std::to_string(i));
    processes[pod] = process_of(pod);
  }
  const auto origin = steady_clock::now();
  Watch watch(processes, origin);
  const Answers answers =
      service().serve({.writers = 80, .readers = 20, .time = time, .rate = kRate}, origin);
  watch.stop();

  Outcome outcome{
      .name = "5-endurance",
      .title = "Endurance: 100 users for " + std::to_string(time.count() / 60) + " minutes",
      .how =
          "80 users write events, 20 read, 500 requests a second; 3 pods of 25 connections. Growth: "
          "the median slope (Theil and Sen) over the last three quarters of the time; connections to "
          "PostgreSQL, which come and go with the load, are not counted as descriptors",
      .thresholds = of_errors(answers),
      .figures = figures_of(answers),
      .lines = answers.lines()};
  for (const auto& [name, seen] : watch.seen()) {
    outcome.thresholds.push_back({.what = name + " ended", .value = seen.gone ? 1.0 : 0.0, .limit = 0});
    outcome.thresholds.push_back(
        {.what = name + ": memory grew by", .value = growth(seen.memory), .limit = kMemory, .unit = "MiB"});
    outcome.thresholds.push_back(
        {.what = name + ": descriptors grew by", .value = growth(seen.descriptors), .limit = kDescriptors});
    outcome.lines.push_back({.title = "Memory of " + name, .unit = "MiB", .samples = seen.memory});
    outcome.lines.push_back({.title = "Descriptors of " + name, .unit = "", .samples = seen.descriptors});
  }
  write(outcome);
}

}  // namespace
}  // namespace storagepool::e2e
