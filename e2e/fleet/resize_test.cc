#include "e2e/fleet/resize.h"

#include <gtest/gtest.h>

namespace storagepool::e2e {
namespace {

constexpr Costs kMeasured;

TEST(ResizeTest, ComesToItsEndAndFitsTheServersAtEveryMoment) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    const Resize resize{.storage_pools = 4, .from = 5, .to = 10};
    const ResizeResult result = run_resize(resize, kMeasured, seed);
    EXPECT_TRUE(result.done) << seed;
    EXPECT_TRUE(result.fits) << seed;
    EXPECT_GE(result.most_open, 20) << seed;
    EXPECT_LE(result.most_open, resize.usable()) << seed;
    EXPECT_GT(result.confirmed, 0) << "pods are added when the lower limit is confirmed";
    EXPECT_GT(result.seconds, result.confirmed + kMeasured.pod_start) << seed;
  }
}

TEST(ResizeTest, TakesAsManyStepsAndWritesWithManyPodsAsWithFew) {
  const ResizeResult few = run_resize({.from = 5, .to = 10}, kMeasured, 1);
  const ResizeResult many = run_resize({.from = 100, .to = 200}, kMeasured, 1);
  EXPECT_TRUE(many.done);
  EXPECT_EQ(many.writes, few.writes);
  EXPECT_GE(many.exchanges, 300) << "each that was there is told, each is asked";
  EXPECT_LT(many.exchanges, 3 * 200);
}

// What goes on is not decided before it is so.
TEST(ResizeTest, WaitsForConnectionsThatAreHeldOn) {
  Costs slow;
  slow.hold = 5;
  const ResizeResult result = run_resize({.from = 5, .to = 10}, slow, 1);
  EXPECT_TRUE(result.done);
  EXPECT_TRUE(result.fits);
  EXPECT_GT(result.confirmed, 2);
}

}  // namespace
}  // namespace storagepool::e2e
