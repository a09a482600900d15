// One StoragePool for hours under constant load, while its user resizes it and replaces its pods, and faults
// come by themselves and two at once, all drawn from a seed; it ends when the time is over or, with all that
// there is to look at, as soon as something is not as it must be: an event that was acknowledged is lost or
// doubled, backends that do not fit, a person who would have to act, an alarm of the log, a check of a
// program's own, memory or descriptors that grow.
//
// $STORAGEPOOL_SOAK_MINUTES says how long (5), $STORAGEPOOL_FAULT_SEED is the seed (1).
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/chaos/soak_plan.h"
#include "e2e/chaos/under_faults.h"
#include "e2e/load/judge.h"
#include "e2e/load/watch.h"
#include "e2e/support/process.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kReplicas = 2;
constexpr int kLimit = 25;
// A container that was killed again and again is started after five minutes at most (kubelet's back-off).
constexpr auto kWellAgain = 420s;
constexpr std::size_t kRoundsToJudge = 8;  // of one process
constexpr double kMemory = 8;              // MiB that a process may grow by over the rounds that it lives
constexpr double kDescriptors = 8;

int given(const char* variable, int otherwise, int most) {
  const char* text = std::getenv(variable);
  const int value = text == nullptr || *text == '\0' ? otherwise : std::atoi(text);
  if (value < 1 || value > most)
    throw std::runtime_error(std::string(variable) + ": got " + text + "; allowed: 1 to " +
                             std::to_string(most));
  return value;
}

std::filesystem::path folder() {
  return std::filesystem::path(STORAGEPOOL_SOURCE_DIR) / "build/reports/soak";
}

class Soak : public UnderFaults {
 protected:
  FaultResult go_through(Postgres& postgres, int number, unsigned seed, const SoakRound& round);
  void judge_programs(const json& pods, double at);
  void gather();

 private:
  struct Life {
    std::vector<Sample> memory{};
    std::vector<Sample> descriptors{};
  };
  SoakRound before_{.replicas = kReplicas, .limit = kLimit};
  std::map<std::pair<std::string, pid_t>, Life> lives_;
};

FaultResult Soak::go_through(Postgres& postgres, int number, unsigned seed, const SoakRound& round) {
  use_token(service_account_token());  // the last one's may end
  Round all{.name = "soak-" + std::to_string(number), .replicas = round.replicas, .well_again = kWellAgain};
  const Targets found = targets(postgres, seed + static_cast<unsigned>(number));
  for (const auto& name : round.faults) all.faults.push_back(make_fault(name, found));
  in_order(all.faults);
  // How a container ended goes with its pod, which the user has replaced then.
  if (round.rollout || round.replicas != before_.replicas)
    for (Fault& fault : all.faults) fault.missing = nullptr;
  // The user first: the API server may be among the faults.
  const auto user = [&](const std::string& title, json spec) {
    all.faults.insert(all.faults.begin(),
                      {.name = "user", .title = title, .begin = [this, spec = std::move(spec)] {
                         patch(kName, {{"spec", spec}});
                       }});
  };
  if (round.replicas != before_.replicas)
    user(std::to_string(round.replicas) + " replicas", {{"replicas", round.replicas}});
  if (round.limit != before_.limit)
    user("limit " + std::to_string(round.limit),
         {{"pool", {{"profile", nullptr}, {"maxOpenConns", round.limit}, {"maxIdleConns", round.limit}}}});
  if (round.rollout)
    user("Rolling update",
         {{"podMetadata", {{"annotations", {{"example.com/rollout", std::to_string(number)}}}}}});
  before_ = round;
  return endure(postgres, all);
}

void Soak::judge_programs(const json& pods, double at) {
  std::map<std::string, pid_t> processes{{"the operator", operator_process()}};
  for (const auto& pod : pods) {
    const std::string name = pod.at("metadata").at("name");
    processes[name] = process_of(name);
  }
  for (const auto& process : processes) {
    const auto use = use_of(process.second);
    ASSERT_TRUE(use) << process.first << " has ended";
    Life& life = lives_[process];
    life.memory.push_back({at, use->memory});
    life.descriptors.push_back({at, use->descriptors});
    if (life.memory.size() < kRoundsToJudge) continue;
    EXPECT_LE(growth(life.memory), kMemory) << "MiB, " << process.first;
    EXPECT_LE(growth(life.descriptors), kDescriptors) << "descriptors, " << process.first;
  }
}

void Soak::gather() {
  const char* plugin = std::getenv("STORAGEPOOL_PLUGIN");
  if (plugin == nullptr) return;
  const Result gathered =
      run({plugin, "must-gather", "-n", name_space(), "--file", (folder() / "must-gather.tar").string()});
  std::cerr << gathered.out << gathered.err;
}

TEST_F(Soak, HoldsUntilTheTimeIsOver) {
  const auto seed = static_cast<unsigned>(given("STORAGEPOOL_FAULT_SEED", 1, 1'000'000));
  const std::chrono::minutes time{given("STORAGEPOOL_SOAK_MINUTES", 5, 60 * 168)};
  std::filesystem::create_directories(folder());
  Postgres postgres(name_space(), kConnections);
  ASSERT_NO_FATAL_FAILURE(start(postgres, kReplicas, "256Mi"));
  std::ofstream report(folder() / "rounds.md");
  report << fault_table();
  SoakPlan plan(seed, kReplicas, kLimit);
  const auto begun = steady_clock::now();
  for (int number = 1; steady_clock::now() < begun + time; ++number) {
    const SoakRound round = plan.next();
    FaultResult result = go_through(postgres, number, seed, round);
    result.title = std::to_string(number) + ": " + result.title;
    report << fault_row(result) << std::flush;
    std::cerr << fault_row(result);
    EXPECT_TRUE(held(result));
    expect_no_alarm();
    if (!HasFailure()) {
      const json pods = list("pods", "app.kubernetes.io/instance=" + std::string(kName));
      judge_programs(pods, std::chrono::duration<double>(steady_clock::now() - begun).count());
    }
    if (HasFailure()) {
      gather();
      FAIL() << "in round " << number << " of seed " << seed;
    }
  }
}

}  // namespace
}  // namespace storagepool::e2e
