#include "pool/evidence/sealing/slices.h"

#include <gtest/gtest.h>

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;

TEST(Slices, AreShortWhereNobodyElseWantsTheThread) {
  const Slices::TimePoint now{1h};
  Slices slices(now);
  EXPECT_FALSE(slices.over(now + 49us));
  EXPECT_TRUE(slices.over(now + 50us));
  slices.begin(now + 60us, now + 61us);
  EXPECT_FALSE(slices.over(now + 110us));
  EXPECT_TRUE(slices.over(now + 111us));
}

TEST(Slices, AreAShareOfWhatOthersTake) {
  const Slices::TimePoint now{1h};
  Slices slices(now);
  slices.begin(now, now + 8ms);
  EXPECT_FALSE(slices.over(now + 8ms + 999us));
  EXPECT_TRUE(slices.over(now + 9ms));
  slices.begin(now + 9ms, now + 9ms);
  EXPECT_TRUE(slices.over(now + 9ms + 50us)) << "others are gone";
}

}  // namespace
}  // namespace storagepool::evidence
