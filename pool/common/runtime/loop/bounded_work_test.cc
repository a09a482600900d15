#include "pool/common/runtime/loop/bounded_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;
using namespace std::chrono_literals;

TEST(BoundedWorkTest, WhatIsWithinItsLimitOrHasEndedDoesNotHang) {
  const TimePoint began = steady_now();
  {
    const BoundedWork work("a look", 60s);
    EXPECT_THAT(hung_work(began + 60s), IsEmpty());
  }
  EXPECT_THAT(hung_work(began + 1h), IsEmpty());
}

TEST(BoundedWorkTest, WhatIsBeyondItsLimitHangsAndIsNamed) {
  const BoundedWork slow("a look", 60s);
  const BoundedWork other("another", 1h);
  EXPECT_THAT(hung_work(steady_now() + 61s), ElementsAre(MatchesRegex("a look for [0-9]+ s")));
}

TEST(BoundedWorkTest, WhatMovesHasItsTimeAnew) {
  BoundedWork work("a watch", 60s);
  const TimePoint began = steady_now();
  while (steady_now() < began + 2ms) {
  }
  EXPECT_THAT(hung_work(began + 60s + 1ms), ElementsAre(MatchesRegex("a watch for [0-9]+ s")));
  work.moved();
  EXPECT_THAT(hung_work(began + 60s + 1ms), IsEmpty());
}

}  // namespace
}  // namespace storagepool::runtime
