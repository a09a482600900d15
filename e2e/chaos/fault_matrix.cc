// Each fault by itself, and pairs of them drawn from a seed, under constant writes through the Service of a
// StoragePool with journals on volumes. What was acknowledged is stored once, the backends fit, and all is
// well again by itself. $STORAGEPOOL_FAULT_SEED draws the pairs (1), $STORAGEPOOL_FAULT_PAIRS says how many
// (4).
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/chaos/under_faults.h"

namespace storagepool::e2e {
namespace {

using Names = std::vector<std::string>;  // of the faults that come at once

constexpr int kPods = 2;

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

// Of two kinds each.
std::vector<Names> pairs() {
  std::mt19937 random(seed());
  std::vector<Names> all;
  const int count = given("STORAGEPOOL_FAULT_PAIRS", 4, 100);
  while (all.size() < static_cast<std::size_t>(count)) {
    Names names = fault_names();
    std::ranges::shuffle(names, random);
    names.resize(2);
    if (kind_of(names[0]) != kind_of(names[1])) all.push_back(names);
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

class FaultMatrix : public UnderFaults, public ::testing::WithParamInterface<Names> {
 protected:
  void run(const Names& names);
};

void FaultMatrix::run(const Names& names) {
  Postgres postgres(name_space(), kConnections);
  keep_data_in_memory(name_space());
  nlohmann::json spec = nlohmann::json::object();
  for (const auto& name : names) spec.merge_patch(spec_for(name));
  ASSERT_NO_FATAL_FAILURE(start(postgres, kPods, "64Mi", spec));
  const Targets found = targets(postgres, seed());
  Round round{.name = joined(names), .replicas = kPods};
  for (const auto& name : names) round.faults.push_back(make_fault(name, found));
  in_order(round.faults);
  FaultResult result = endure(postgres, round);
  // Of two, the other may have come first.
  if (names.size() == 1) {
    for (const int refusal : result.refusals) EXPECT_GT(result.errors[refusal], 0);
  }

  const std::filesystem::path folder = std::filesystem::path(STORAGEPOOL_SOURCE_DIR) / "build/reports/faults";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "0-head.md") << fault_table();
  const std::string part = names.size() == 1 ? "1-" : "2-";
  std::ofstream(folder / (part + joined(names) + ".md")) << fault_row(result);
  std::cerr << fault_row(result);
  EXPECT_TRUE(held(result));
  expect_no_alarm();
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
