#include "e2e/fleet/simulation.h"

#include <functional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/fleet/database.h"

namespace storagepool::e2e {
namespace {

constexpr std::uint32_t kSeed = 1;

TEST(SimulationTest, EventsComeInTheirOrderAndThoseOfOneMomentAsTheyWereMade) {
  Simulation simulation(kSeed);
  std::vector<int> seen;
  simulation.after(2, [&] { seen.push_back(3); });
  simulation.after(1, [&] {
    seen.push_back(1);
    simulation.after(0, [&] { seen.push_back(2); });
  });
  simulation.after(2, [&] { seen.push_back(4); });
  simulation.after(3, [&] { seen.push_back(5); });
  simulation.run(2.5);
  EXPECT_THAT(seen, ::testing::ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(simulation.now(), 2.5);
  EXPECT_EQ(simulation.events(), 4);
}

TEST(ErlangC, IsThatOfTheTextbooks) {
  EXPECT_NEAR(erlang_c_wait(0.5, 1, 1), 1, 1e-9);      // M/M/1 at one half: as long as a service
  EXPECT_NEAR(erlang_c_wait(1, 1, 2), 1.0 / 3, 1e-9);  // a third waits, for one second
  EXPECT_NEAR(erlang_c_wait(100, 0.1, 14), 0.0044, 1e-4);
}

// Poisson arrivals at a station, until so many were served.
struct Queue {
  Queue(double load, int servers, int arrivals) : simulation(kSeed), station(simulation, servers) {
    simulation.check_always(
        [this] { conserved = conserved && station.arrived() == station.served() + station.inside(); });
    arrive = [this, mean = 1 / (load * servers), left = arrivals]() mutable {
      station.serve(simulation.exponential(1), [] {});
      if (--left > 0) simulation.after(simulation.exponential(mean), [this] { arrive(); });
    };
    simulation.after(0, [this] { arrive(); });
    simulation.run(1e12);
  }
  Simulation simulation;
  Station station;
  std::function<void()> arrive;
  bool conserved = true;
};

TEST(StationTest, LosesAndDoublesNothingAtAnyMoment) {
  const Queue queue(0.9, 3, 10'000);
  EXPECT_TRUE(queue.conserved);
  EXPECT_EQ(queue.station.served(), 10'000);
  EXPECT_EQ(queue.station.inside(), 0);
}

TEST(StationTest, WaitsAreThoseOfErlangC) {
  constexpr double kLoad = 0.8;
  for (const int servers : {1, 4, 16}) {
    const Queue queue(kLoad, servers, 400'000);
    const double expected = erlang_c_wait(kLoad * servers, 1, servers);
    EXPECT_NEAR(queue.station.mean_wait(), expected, 0.06 * expected) << servers;
  }
}

TEST(DiskTest, OneSyncIsForAllThatWaitWhenItBegins) {
  Simulation simulation(kSeed);
  Disk disk(simulation, 1);
  std::vector<double> done;
  const auto sync = [&] { disk.sync([&] { done.push_back(simulation.now()); }); };
  sync();
  simulation.after(0.5, sync);
  simulation.after(0.9, sync);
  simulation.run(10);
  EXPECT_THAT(done, ::testing::ElementsAre(1, 2, 2));
}

TEST(TimesTest, PercentilesAreToWithinATenth) {
  Times times;
  for (int i = 1; i <= 1'000; ++i) times.add(i / 1'000.0);
  EXPECT_EQ(times.count(), 1'000);
  EXPECT_NEAR(times.percentile(0.5), 0.5, 0.05);
  EXPECT_NEAR(times.percentile(0.99), 0.99, 0.1);
  EXPECT_EQ(Times().percentile(0.5), 0);
}

}  // namespace
}  // namespace storagepool::e2e
