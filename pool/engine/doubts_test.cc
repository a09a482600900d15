#include "pool/engine/doubts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

const TimePoint kBegin{std::chrono::hours{1}};

TEST(Doubts, KeepATokenUntilItsBackendIsGone) {
  Doubts doubts;
  ASSERT_TRUE(doubts.add(kBegin, 11, 1));
  ASSERT_TRUE(doubts.add(kBegin, 12, 2));
  ASSERT_TRUE(doubts.add(kBegin, 13, 0));
  EXPECT_THAT(doubts.backends(), ElementsAre(11, 12, 13));
  EXPECT_EQ(doubts.tokens(), 2U);
  EXPECT_THAT(doubts.settle({12, 13, 99}), ElementsAre(2));
  EXPECT_THAT(doubts.backends(), ElementsAre(11));
  EXPECT_THAT(doubts.settle({11}), ElementsAre(1));
  EXPECT_TRUE(doubts.empty());
}

TEST(Doubts, GiveATokenUpAfterAWhileAndTheDoubtLater) {
  Doubts doubts;
  ASSERT_TRUE(doubts.add(kBegin, 11, 1));
  ASSERT_TRUE(doubts.add(kBegin + 1s, 12, 0));
  EXPECT_EQ(doubts.next(), kBegin + Doubts::kTokenKept);
  EXPECT_THAT(doubts.expire(kBegin + Doubts::kTokenKept - 1ns), IsEmpty());
  EXPECT_THAT(doubts.expire(kBegin + Doubts::kTokenKept), ElementsAre(1));
  EXPECT_THAT(doubts.backends(), ElementsAre(11, 12)) << "still asked after";
  EXPECT_EQ(doubts.next(), kBegin + Doubts::kForgotten);
  EXPECT_THAT(doubts.expire(kBegin + Doubts::kForgotten), IsEmpty());
  EXPECT_THAT(doubts.backends(), ElementsAre(12));
  EXPECT_THAT(doubts.expire(kBegin + 1s + Doubts::kForgotten), IsEmpty());
  EXPECT_EQ(doubts.next(), std::nullopt);
}

TEST(Doubts, GiveOneTokenUpSoThatSomebodyCanAsk) {
  Doubts doubts;
  ASSERT_TRUE(doubts.add(kBegin, 11, 0));
  ASSERT_TRUE(doubts.add(kBegin, 12, 2));
  ASSERT_TRUE(doubts.add(kBegin, 13, 3));
  EXPECT_EQ(doubts.give_up_one(), 2U);
  EXPECT_EQ(doubts.tokens(), 1U);
  EXPECT_THAT(doubts.backends(), ElementsAre(11, 12, 13));
  EXPECT_EQ(doubts.give_up_one(), 0U) << "one is enough";
  EXPECT_THAT(doubts.settle({12}), IsEmpty());
  EXPECT_EQ(doubts.give_up_one(), 3U);
  EXPECT_EQ(doubts.give_up_one(), 0U);
}

TEST(Doubts, AreSoManyAndNoMore) {
  Doubts doubts;
  for (std::size_t i = 0; i < Doubts::kMost; ++i) ASSERT_TRUE(doubts.add(kBegin, 1, i + 1));
  EXPECT_FALSE(doubts.add(kBegin, 2, 5000));
  EXPECT_EQ(doubts.tokens(), Doubts::kMost);
}

}  // namespace
}  // namespace storagepool::engine
