#include "pool/engine/core/demand.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Want = Demand::Want;

constexpr TimePoint kStart{1h};
constexpr std::uint32_t kSystemAt = 0;
constexpr std::uint32_t kA = 1;
constexpr std::uint32_t kB = 2;

Demand three_databases() {
  Demand demand({.system = 5, .per_ordinary = 2});
  demand.enter(kSystemAt, true);
  demand.enter(kA, false);
  demand.enter(kB, false);
  return demand;
}

std::uint32_t wait(Demand& demand, std::uint32_t database) {
  const auto waiter = demand.find(demand.admit());
  demand.enqueue(waiter, database, kStart, kStart + 1s);
  return waiter;
}

TEST(Demand, GivesTheOldestFirst) {
  Demand demand = three_databases();
  EXPECT_FALSE(demand.want_anywhere());
  EXPECT_EQ(demand.front_of(Want::kFirst), kNone);
  const auto first = wait(demand, kB);
  wait(demand, kSystemAt);
  wait(demand, kA);
  const auto last = wait(demand, kB);
  EXPECT_EQ(demand.front_of(Want::kFirst), kB);
  EXPECT_EQ(demand.front(kB), first);
  demand.dequeue(first);  // its database is now as old as the next in its queue
  EXPECT_EQ(demand.front(kB), last);
  EXPECT_EQ(demand.front_of(Want::kFirst), kSystemAt);
  EXPECT_EQ(demand.front_ordinary(Want::kFirst), kA);
  EXPECT_EQ(demand.front_of(Want::kFirst, false), kSystemAt);
  EXPECT_EQ(demand.wanting_system(), kSystemAt);
  EXPECT_EQ(demand.wanting_ordinary(Want::kFirst), 2);
}

TEST(Demand, CoversWhoCameFirstByWhatIsUnderWay) {
  Demand demand = three_databases();
  const auto first = wait(demand, kA);
  wait(demand, kA);
  EXPECT_EQ(demand.uncovered(kA), 2);
  demand.connect_begun(kA);
  EXPECT_EQ(demand.uncovered(kA), 1);
  EXPECT_EQ(demand.want(kA), Want::kMore);
  demand.check_begun(kA);
  EXPECT_EQ(demand.uncovered(), 0);
  EXPECT_FALSE(demand.want_anywhere());
  demand.check_ended(kA);
  EXPECT_EQ(demand.uncovered(), 1);
  demand.dequeue(first);
  EXPECT_EQ(demand.uncovered(), 0);  // the connect serves the next
}

TEST(Demand, WantsNothingAboveTheLimitOfADatabase) {
  Demand demand = three_databases();
  for (int i = 0; i < 4; ++i) wait(demand, kA);
  demand.connect_begun(kA);
  demand.connect_begun(kA);
  EXPECT_EQ(demand.want(kA), Want::kNothing);
  demand.reconfigure({.system = 5, .per_ordinary = 3});
  EXPECT_EQ(demand.limit(kA), 3);
  EXPECT_EQ(demand.front_of(Want::kMore), kA);
  demand.connect_begun(kA);
  EXPECT_EQ(demand.want(kA), Want::kNothing);
  demand.connect_failed(kA);
  EXPECT_EQ(demand.want(kA), Want::kMore);
}

TEST(Demand, WantsItsFirstConnectionWhenAllThereAreAreClosing) {
  Demand demand = three_databases();
  demand.connect_begun(kA);
  demand.connect_ended(kA);
  wait(demand, kA);
  EXPECT_EQ(demand.want(kA), Want::kMore);
  demand.close_begun(kA);
  EXPECT_EQ(demand.live(kA), 0);
  EXPECT_EQ(demand.front_of(Want::kFirst), kA);
  EXPECT_EQ(demand.front_of(Want::kMore), kNone);
  demand.close_ended(kA);
  EXPECT_EQ(demand.sockets(kA), 0);
  EXPECT_EQ(demand.front_of(Want::kFirst), kA);
}

TEST(Demand, ADatabaseThatMayNotConnectWantsNothing) {
  Demand demand = three_databases();
  wait(demand, kA);
  wait(demand, kA);
  demand.allow(kA, Demand::Connects::kNotNow);
  EXPECT_EQ(demand.want(kA), Want::kNothing);
  EXPECT_EQ(demand.uncovered(), 2);
  demand.allow(kA, Demand::Connects::kOneAtATime);
  EXPECT_EQ(demand.want(kA), Want::kFirst);
  demand.connect_begun(kA);
  EXPECT_EQ(demand.want(kA), Want::kNothing);
  demand.connect_ended(kA);
  demand.allow(kA, Demand::Connects::kFreely);
  EXPECT_EQ(demand.want(kA), Want::kMore);
}

TEST(Demand, ListsTheDatabasesWithWaiters) {
  Demand demand = three_databases();
  EXPECT_FALSE(demand.queue_anywhere());
  const auto gone = wait(demand, kA);
  wait(demand, kB);
  std::vector<std::uint32_t> queueing;
  for (auto at = demand.first(); at != kNone; at = demand.next(at)) queueing.push_back(at);
  EXPECT_EQ(queueing, (std::vector<std::uint32_t>{kA, kB}));
  demand.dequeue(gone);
  EXPECT_EQ(demand.first(), kB);
  EXPECT_TRUE(demand.empty(kA));
  EXPECT_EQ(demand.size(), 1u);
}

}  // namespace
}  // namespace storagepool::engine
