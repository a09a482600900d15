// Every seed is one schedule; `hack/simulate SEED` runs one alone, and as many more as wanted.
#include <array>
#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

#include "pool/engine/simulator/simulator.h"

namespace storagepool::engine::simulator {
namespace {

constexpr std::uint64_t kSchedules = 40000;

TEST(CoreSimulator, KeepsItsInvariantsThroughRandomSchedules) {
  Coverage seen;
  for (std::uint64_t seed = 0; seed < kSchedules; ++seed) {
    const auto violation = run_schedule(seed, seen);
    ASSERT_FALSE(violation) << *violation;
  }
  // A schedule that never gets anywhere would pass, too: what is to be tested must have happened often.
  for (std::size_t i = 0; i < kSeenNames.size(); ++i) {
    const auto what = static_cast<Seen>(i);
    const int every = what == Seen::kThousandsOfDatabases ? 1000 : what == Seen::kTensOfDatabases ? 50 : 20;
    EXPECT_GE(seen.of(what), static_cast<std::int64_t>(kSchedules) / every) << kSeenNames[i];
  }
}

}  // namespace
}  // namespace storagepool::engine::simulator
