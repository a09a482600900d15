#include "e2e/fleet/fleet.h"

#include <gtest/gtest.h>

#include "e2e/fleet/pod.h"

namespace storagepool::e2e {
namespace {

constexpr Costs kCosts;

TEST(FleetTest, NothingIsLostAndConnectionsFitEachServerAtEveryMoment) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    for (const int pods : {3, 20, 60}) {
      const Layout layout{.servers = 3, .pods = pods, .max_connections = 43};
      const FleetResult result =
          run_fleet(layout, {.posts = 8'000, .warm_up = 0.5, .seconds = 0.1}, kCosts, seed);
      EXPECT_TRUE(result.conserved) << seed << " " << pods;
      EXPECT_TRUE(result.fits) << seed << " " << pods;
      EXPECT_EQ(result.usable, 30);
      EXPECT_LE(result.most_open, result.usable);
      EXPECT_GT(result.most_open, 0);
      EXPECT_EQ(result.pods, pods);
      EXPECT_NEAR(result.events_per_second, 24'000, 1'500) << seed << " " << pods;
    }
  }
}

TEST(FleetTest, OneSeedIsOneRun) {
  const Demand demand{.posts = 5'000, .warm_up = 0, .seconds = 0.1};
  const FleetResult one = run_fleet({.pods = 4}, demand, kCosts, 7);
  const FleetResult again = run_fleet({.pods = 4}, demand, kCosts, 7);
  const FleetResult another = run_fleet({.pods = 4}, demand, kCosts, 8);
  EXPECT_EQ(one.simulated, again.simulated);
  EXPECT_EQ(one.post_p99, again.post_p99);
  EXPECT_NE(one.simulated, another.simulated);
}

TEST(FleetTest, PodsForWhichThereIsNoConnectionAreNotStarted) {
  const FleetResult result =
      run_fleet({.pods = 60, .max_connections = 43}, {.warm_up = 0, .seconds = 0.01}, kCosts, 1);
  EXPECT_EQ(result.pods, 30);
  EXPECT_EQ(result.per_pod, 1);
  EXPECT_EQ(result.shortage, "MinimumDoesNotFit");
}

// What is checked at every moment would see it.
TEST(PodUnderTraffic, OpensWhatItsLimitLetsItWhateverTheServerHas) {
  Simulation simulation(1);
  Database database(simulation, kCosts, 4, 2);
  Traffic traffic;
  Pod pod(simulation, database, kCosts, traffic, 3);
  for (int i = 0; i < 20; ++i) pod.list();
  simulation.run(10);
  EXPECT_EQ(database.most_open, 3);
  EXPECT_GT(database.open, database.usable);
  EXPECT_EQ(traffic.answered, 20);
  EXPECT_EQ(pod.inside(), 0);
}

TEST(PodUnderTraffic, StoresInOneCommitWhatHasGathered) {
  Simulation simulation(1);
  Database database(simulation, kCosts, 4, 50);
  Traffic traffic;
  Pod pod(simulation, database, kCosts, traffic, 50);
  for (int i = 0; i < 2'000; ++i) pod.post();
  simulation.run(10);
  EXPECT_EQ(traffic.stored, 2'000);
  EXPECT_LT(traffic.commits, 500);
  EXPECT_LE(database.most_open, kCommitters) << "it has so many committers";
}

}  // namespace
}  // namespace storagepool::e2e
