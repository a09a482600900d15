// Every seed is one schedule; `hack/simulate --driver --seed N --schedules 1` runs one alone.
#include <cstdint>

#include <gtest/gtest.h>

#include "pool/engine/simulator/driver/simulator.h"

namespace storagepool::engine::driver_simulator {
namespace {

constexpr std::uint64_t kSchedules = 1000;

TEST(DriverSimulator, KeepsItsPromisesThroughRandomSchedules) {
  Coverage seen{};
  for (std::uint64_t seed = 0; seed < kSchedules; ++seed) {
    const auto violation = run_schedule(seed, seen);
    ASSERT_FALSE(violation) << *violation;
  }
  // A schedule that never gets anywhere would pass, too: what is to be tested must have happened often.
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_GE(seen.at(i), static_cast<std::int64_t>(kSchedules) / 20) << kSeenNames.at(i);
  }
}

}  // namespace
}  // namespace storagepool::engine::driver_simulator
