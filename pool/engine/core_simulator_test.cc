// Every seed is one schedule. A failure prints its seed: run it alone with --gtest_filter and
// STORAGEPOOL_SEED=<seed>.
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "pool/engine/simulator.h"

namespace storagepool::engine {
namespace {

constexpr std::uint64_t kSchedules = 20000;
constexpr int kSteps = 120;

TEST(CoreSimulator, KeepsItsInvariantsThroughRandomSchedules) {
  std::uint64_t first = 0;
  std::uint64_t schedules = kSchedules;
  if (const char* seed = std::getenv("STORAGEPOOL_SEED")) {
    first = std::stoull(seed);
    schedules = 1;
  }
  Simulator::Coverage seen;
  for (std::uint64_t seed = first; seed < first + schedules; ++seed) {
    Simulator simulator(seed);
    try {
      simulator.run(kSteps);
    } catch (const std::runtime_error& violation) {
      FAIL() << "seed " << seed << " " << violation.what();
    }
    seen.handed += simulator.coverage().handed;
    seen.failed += simulator.coverage().failed;
    seen.open_failures += simulator.coverage().open_failures;
    seen.evicted += simulator.coverage().evicted;
    seen.resizes += simulator.coverage().resizes;
    seen.validations += simulator.coverage().validations;
  }
  if (schedules == 1) return;
  // A schedule that never gets anywhere would pass, too: what is to be tested must have happened often.
  const auto often = static_cast<std::int64_t>(schedules);
  EXPECT_GT(seen.handed, 5 * often);
  EXPECT_GT(seen.failed, often);
  EXPECT_GT(seen.open_failures, often / 2);
  EXPECT_GT(seen.evicted, often / 2);
  EXPECT_GT(seen.resizes, often);
  EXPECT_GT(seen.validations, often / 4);
}

}  // namespace
}  // namespace storagepool::engine
