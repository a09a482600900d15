#include "pool/common/http/limits/memory_budget.h"

#include <gtest/gtest.h>

namespace storagepool::http {
namespace {

constexpr ClientKey kBalancer{false, 1};
constexpr ClientKey kOther{false, 2};

// As much as the client gets, in steps of one.
std::size_t take_all(MemoryBudget& budget, ClientShare& share) {
  std::size_t taken = 0;
  while (budget.take(share, 1)) ++taken;
  return taken;
}

TEST(MemoryBudget, OneAddressAloneHasFourFifths) {
  MemoryBudget budget(1000);
  EXPECT_EQ(take_all(budget, budget.enter(kBalancer)), 800U);
  EXPECT_EQ(budget.held(), 800U);
}

TEST(MemoryBudget, WhoComesAfterAGreedyOneHasFourFifthsOfTheRest) {
  MemoryBudget budget(1000);
  EXPECT_EQ(take_all(budget, budget.enter(kBalancer)), 800U);
  EXPECT_EQ(take_all(budget, budget.enter(kOther)), 160U);
  EXPECT_EQ(take_all(budget, budget.enter({true, 3})), 32U);
}

TEST(MemoryBudget, WhatIsGivenBackIsForTheOthers) {
  MemoryBudget budget(1000);
  ClientShare& balancer = budget.enter(kBalancer);
  ClientShare& other = budget.enter(kOther);
  ASSERT_TRUE(budget.take(balancer, 800));
  EXPECT_FALSE(budget.take(other, 200));
  budget.give_back(balancer, 800);
  EXPECT_TRUE(budget.take(other, 800));
  EXPECT_EQ(budget.held(), 800U);
}

TEST(MemoryBudget, AllAtOnceIsRefusedAsInSteps) {
  MemoryBudget budget(1000);
  ClientShare& share = budget.enter(kBalancer);
  EXPECT_FALSE(budget.take(share, 801));
  EXPECT_FALSE(budget.take(share, static_cast<std::size_t>(-1) / 2));
  EXPECT_EQ(budget.held(), 0U);
  EXPECT_EQ(budget.refused(), 2U);
  EXPECT_TRUE(budget.take(share, 800));
}

TEST(MemoryBudget, WhatIsThereAlreadyCountsAboveTheBound) {
  MemoryBudget budget(1000);
  ClientShare& share = budget.enter(kBalancer);
  budget.count(share, 1500);
  EXPECT_FALSE(budget.take(share, 1));
  budget.give_back(share, 1500);
  EXPECT_TRUE(budget.take(share, 1));
}

TEST(MemoryBudget, CountsConnectionsOfAnAddress) {
  MemoryBudget budget(1000);
  budget.enter(kBalancer);
  EXPECT_EQ(budget.enter(kBalancer).connections, 2U);
  budget.leave(kBalancer);
  budget.leave(kBalancer);
  EXPECT_EQ(budget.enter(kBalancer).connections, 1U);
}

}  // namespace
}  // namespace storagepool::http
