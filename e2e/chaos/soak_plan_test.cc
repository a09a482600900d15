#include "e2e/chaos/soak_plan.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/chaos/faults.h"

namespace storagepool::e2e {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

constexpr int kRounds = 1000;

TEST(SoakPlan, HasEachFaultThatCanBeHadAgainAndEachChange) {
  SoakPlan plan(1, 2, 20);
  std::set<std::string> faults;
  std::set<int> replicas;
  std::set<int> limits;
  int pairs = 0;
  int rollouts = 0;
  for (int i = 0; i < kRounds; ++i) {
    const SoakRound round = plan.next();
    ASSERT_THAT(round.faults.size(), AllOf(Ge(1U), Le(2U)));
    faults.insert(round.faults.begin(), round.faults.end());
    if (round.faults.size() == 2) {
      ++pairs;
      EXPECT_NE(kind_of(round.faults[0]), kind_of(round.faults[1]));
    }
    if (round.rollout) ++rollouts;
    replicas.insert(round.replicas);
    limits.insert(round.limit);
  }
  for (const auto& name : fault_names()) {
    const bool once =
        name == "postgres-disk-full" || name == "postgres-failover" || name == "clock-back-open";
    EXPECT_EQ(faults.contains(name), !once) << name;
  }
  EXPECT_EQ(replicas, (std::set{1, 2, 3, 4}));
  EXPECT_EQ(*limits.begin(), SoakPlan::kLeastLimit);
  EXPECT_EQ(*limits.rbegin(), SoakPlan::kMostLimit);
  EXPECT_GT(pairs, kRounds / 10);
  EXPECT_GT(rollouts, kRounds / 10);
}

TEST(SoakPlan, IsTheSeeds) {
  const auto told = [](unsigned seed) {
    SoakPlan plan(seed, 2, 20);
    std::vector<std::string> all;
    for (int i = 0; i < 20; ++i) {
      const SoakRound round = plan.next();
      std::string text = std::to_string(round.replicas) + " " + std::to_string(round.limit);
      for (const auto& name : round.faults) text += " " + name;
      all.push_back(text);
    }
    return all;
  };
  EXPECT_EQ(told(7), told(7));
  EXPECT_NE(told(7), told(8));
}

}  // namespace
}  // namespace storagepool::e2e
