#include "pool/common/runtime/metrics/histogram.h"

#include <gmock/gmock.h>

namespace storagepool::runtime {
namespace {

using ::testing::ElementsAre;

TEST(Histogram, CountsEachValueInTheFirstBucketThatHoldsIt) {
  Histogram<3> histogram({1, 2, 5});
  EXPECT_THAT(histogram.counts(), ElementsAre(0U, 0U, 0U, 0U));
  for (const double value : {0.0, 1.0, 1.5, 2.0, 2.5, 5.0, 5.5, 1e9}) histogram.observe(value);
  EXPECT_THAT(histogram.counts(), ElementsAre(2U, 2U, 2U, 2U));
  EXPECT_EQ(histogram.sum(), 1e9 + 17.5);
  EXPECT_THAT(histogram.largest(), ElementsAre(1, 2, 5));
}

}  // namespace
}  // namespace storagepool::runtime
