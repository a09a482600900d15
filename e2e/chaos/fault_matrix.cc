// Each fault by itself, and pairs of them drawn from a seed, under constant writes through the Service of a
// StoragePool with journals on volumes. What was acknowledged is stored once, the backends fit, and all is
// well again by itself. $STORAGEPOOL_FAULT_SEED draws the pairs (1), $STORAGEPOOL_FAULT_PAIRS says how many
// (4).
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/chaos/chaos.h"
#include "e2e/chaos/fault_result.h"
#include "e2e/chaos/faults.h"
#include "e2e/support/writers.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

using Names = std::vector<std::string>;  // of the faults that come at once

constexpr const char* kName = "audit";
constexpr int kPods = 2;
constexpr int kWriters = 8;
constexpr int kConnections = 60;
constexpr auto kWellAgain = 180s;
constexpr auto kSettled = 120s;

int given(const char* variable, int otherwise, int most) {
  const char* text = std::getenv(variable);
  const int value = text == nullptr || *text == '\0' ? otherwise : std::atoi(text);
  if (value < 0 || value > most)
    throw std::runtime_error(std::string(variable) + ": got " + text + "; allowed: 0 to " +
                             std::to_string(most));
  return value;
}

unsigned seed() {
  return static_cast<unsigned>(given("STORAGEPOOL_FAULT_SEED", 1, 1'000'000));
}

std::vector<Names> singly() {
  std::vector<Names> each;
  for (const auto& name : fault_names()) each.push_back({name});
  return each;
}

std::string kind(const std::string& name) {
  return name.substr(0, name.find('-'));
}

// One needs PostgreSQL or a process that another ends, or the API server that another takes away: in which
// order they begin. They end in the other.
int rank(const Fault& fault) {
  if (fault.name == "api-server-away") return 3;
  if (fault.name == "password-rotated") return 0;
  return kind(fault.name) == "network" ? 1 : 2;
}

// Of two kinds each.
std::vector<Names> pairs() {
  std::mt19937 random(seed());
  std::vector<Names> all;
  const int count = given("STORAGEPOOL_FAULT_PAIRS", 4, 100);
  while (all.size() < static_cast<std::size_t>(count)) {
    Names names = fault_names();
    std::ranges::shuffle(names, random);
    names.resize(2);
    if (kind(names[0]) != kind(names[1])) all.push_back(names);
  }
  return all;
}

std::string joined(const Names& names) {
  return names.size() == 1 ? names[0] : names[0] + "+" + names[1];
}

// Many more than any of PostgreSQL's own in a minute's load.
void keep_data_in_memory(const std::string& name_space) {
  kubectl_out(
      {"-n", name_space, "patch", "deployment", "postgres", "--type=strategic", "-p",
       R"({"spec":{"template":{"spec":{"volumes":[{"name":"data","emptyDir":{"medium":"Memory","sizeLimit":"400Mi"}}],
               "containers":[{"name":"postgres","args":["-c","shared_buffers=32MB","-c","max_wal_size=64MB"]}]}}}})"});
  kubectl_out({"-n", name_space, "rollout", "status", "deployment/postgres", "--timeout=60s"});
}

class FaultMatrix : public Chaos, public ::testing::WithParamInterface<Names> {
 protected:
  Targets targets(Postgres& postgres) {
    Targets found{
        .postgres = postgres,
        .name_space = name_space(),
        .postgres_uid = list("pods", "app.kubernetes.io/name=postgres").at(0).at("metadata").at("uid")};
    for (int i = 0; i < kPods; ++i) {
      found.pods.push_back(kName + ("-" + std::to_string(i)));
      found.processes.push_back(process_of(found.pods.back()));
    }
    found.seed = seed();
    return found;
  }

  // Seconds from `end` on until the first event that was sent after it was stored.
  static std::optional<double> stored_again(const Writers::Outcome& outcome, steady_clock::time_point end) {
    for (const auto& at : outcome.stored_at) {
      if (at > end) return std::chrono::duration<double>(at - end).count();
    }
    return std::nullopt;
  }

  // Counts what is lost and doubled, once it has settled.
  void compare(const Postgres& postgres, const Writers::Outcome& outcome, FaultResult& result) {
    std::set<std::string> acknowledged(outcome.stored.begin(), outcome.stored.end());
    acknowledged.insert(outcome.journalled.begin(), outcome.journalled.end());
    EXPECT_TRUE(eventually(kSettled, [&]() -> std::string {
      std::set<std::string> stored;
      result.doubled = 0;
      for (const auto& id : postgres.superuser(
               "select event_id from audit_events where correlation_id = '" + std::string(kName) + "'",
               kDatabase)) {
        if (!stored.insert(id).second) ++result.doubled;
      }
      Names missing;
      std::ranges::set_difference(acknowledged, stored, std::back_inserter(missing));
      result.lost = missing.size();
      return missing.empty() ? "" : std::to_string(missing.size()) + " are not stored, such as " + missing[0];
    }));
  }

  void run(const Names& names);
};

void FaultMatrix::run(const Names& names) {
  Postgres postgres(name_space(), kConnections);
  keep_data_in_memory(name_space());
  apply(pool(kName, kPods,
             {{"spec",
               {{"journal", {{"size", "64Mi"}}},
                {"pool", {{"profile", "High"}, {"connectTimeout", "2s"}}},
                {"postgres", {{"host", postgres.direct_host()}}}}}}));
  ASSERT_TRUE(becomes_ready(kName, kPods));
  std::vector<Fault> faults;
  const Targets found = targets(postgres);
  for (const auto& name : names) faults.push_back(make_fault(name, found));
  std::ranges::stable_sort(faults, {}, rank);

  FaultResult result;
  for (const Fault& fault : faults) result.title += (result.title.empty() ? "" : "; ") + fault.title;
  Promise promise(name_space(), joined(names), result.title, kReserve);
  Writers writers(get("service", kName).at("spec").at("clusterIP"), 8080, kWriters, kName);
  // Readers take connections for themselves, up to the limit.
  Traffic readers;
  load(readers, kName, 24);
  ASSERT_TRUE(eventually(90s, [&]() -> std::string {
    return writers.outcome().stored.size() > 100 && promise.samples() > 100 ? "" : "no traffic yet";
  }));

  std::chrono::seconds hold{0};
  for (const Fault& fault : faults) hold = std::max(hold, fault.hold);
  const auto begun = steady_clock::now();
  for (const Fault& fault : faults) fault.begin();
  std::this_thread::sleep_until(begun + hold);
  for (auto fault = faults.rbegin(); fault != faults.rend(); ++fault) fault->end();
  const auto end = steady_clock::now();

  EXPECT_TRUE(eventually(
      60s, [&]() -> std::string { return stored_again(writers.outcome(), end) ? "" : "nothing is stored"; }));
  const auto well = becomes_ready(kName, kPods, kWellAgain);
  EXPECT_TRUE(well);
  if (well) result.well_again = std::chrono::duration<double>(steady_clock::now() - end).count();
  for (const Fault& fault : faults) {
    if (fault.missing) {
      EXPECT_TRUE(eventually(30s, fault.missing)) << fault.title;
    }
  }
  writers.stop();
  readers.stop();
  const Writers::Outcome outcome = writers.outcome();
  result.stored = outcome.stored.size();
  result.journalled = outcome.journalled.size();
  result.stored_again = stored_again(outcome, end);
  for (const auto& failure : outcome.failures) ++result.errors[failure.status];
  compare(postgres, outcome, result);
  result.most_backends = promise.peak().backends;
  result.usable = promise.peak().usable;
  const auto kept = promise.kept();
  result.within = static_cast<bool>(kept);
  EXPECT_TRUE(kept);

  const std::filesystem::path folder = std::filesystem::path(STORAGEPOOL_SOURCE_DIR) / "build/reports/faults";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "0-head.md") << fault_table();
  const std::string part = names.size() == 1 ? "1-" : "2-";
  std::ofstream(folder / (part + joined(names) + ".md")) << fault_row(result);
  std::cerr << fault_row(result);
  EXPECT_TRUE(held(result));
}

TEST_P(FaultMatrix, LosesNothing) {
  run(GetParam());
}

std::string name_of(const ::testing::TestParamInfo<Names>& info) {
  std::string name = joined(info.param);
  std::ranges::replace_if(
      name, [](char letter) { return letter == '-' || letter == '+'; }, '_');
  return name + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Singly, FaultMatrix, ::testing::ValuesIn(singly()), name_of);
INSTANTIATE_TEST_SUITE_P(InPairs, FaultMatrix, ::testing::ValuesIn(pairs()), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FaultMatrix);

}  // namespace
}  // namespace storagepool::e2e
