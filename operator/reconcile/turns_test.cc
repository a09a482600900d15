#include "operator/reconcile/turns.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Stage = Turns::Stage;

constexpr runtime::TimePoint kStart{1h};

Turns::Place place_of(const std::string& name, Stage stage, bool ready = true) {
  return {.key = {"team", name}, .stage = stage, .ready = ready};
}
Turns::Place rolling(const std::string& name) {
  return place_of(name, Stage::kRolls);
}

TEST(Turns, OneRollsAndTheOthersWaitForIt) {
  Turns turns;
  EXPECT_TRUE(turns.take("a", rolling("a"), kStart));
  EXPECT_TRUE(turns.take("a", rolling("a"), kStart + 1s)) << "it goes on";
  EXPECT_FALSE(turns.take("c", rolling("c"), kStart + 1s));
  EXPECT_FALSE(turns.take("b", rolling("b"), kStart + 2s));
  ASSERT_TRUE(turns.ahead_of("b", kStart + 1h));
  EXPECT_EQ(turns.ahead_of("b", kStart + 1h)->key.name, "a");
  EXPECT_EQ(turns.ahead_of("b", kStart + 1h)->since, kStart);
  EXPECT_FALSE(turns.ahead_of("a", kStart + 1h));
  EXPECT_THAT(turns.next(), IsEmpty());

  turns.put("a", place_of("a", Stage::kNone), kStart + 3s);
  EXPECT_THAT(turns.next(), ElementsAre("b"));
  EXPECT_THAT(turns.next(), IsEmpty()) << "said once";
  EXPECT_TRUE(turns.take("c", rolling("c"), kStart + 4s)) << "whoever comes first";
  EXPECT_FALSE(turns.take("b", rolling("b"), kStart + 4s));
}

TEST(Turns, OneThatIsGoneIsNotWaitedFor) {
  Turns turns;
  EXPECT_TRUE(turns.take("a", rolling("a"), kStart));
  EXPECT_FALSE(turns.take("b", rolling("b"), kStart));
  turns.remove("a");
  EXPECT_THAT(turns.next(), ElementsAre("b"));
}

TEST(Turns, WhatIsKnownOfBeforeARestartCounts) {
  Turns turns;
  turns.put("a", rolling("a"), kStart);
  turns.put("b", place_of("b", Stage::kWaits), kStart);
  EXPECT_FALSE(turns.take("b", rolling("b"), kStart));
  EXPECT_TRUE(turns.take("a", rolling("a"), kStart)) << "with yet another template";
}

TEST(Turns, OneThatIsNotReadyBeginsLast) {
  Turns turns;
  EXPECT_FALSE(turns.take("a", place_of("a", Stage::kRolls, false), kStart));
  EXPECT_FALSE(turns.take("a", place_of("a", Stage::kRolls, false), kStart + 59s));
  turns.put("b", place_of("b", Stage::kWaits), kStart + 59s);
  EXPECT_FALSE(turns.take("a", place_of("a", Stage::kRolls, false), kStart + 60s)) << "another is";
  turns.put("b", place_of("b", Stage::kWaits, false), kStart + 61s);
  EXPECT_TRUE(turns.take("a", place_of("a", Stage::kRolls, false), kStart + 61s));
  EXPECT_TRUE(turns.take("a", place_of("a", Stage::kRolls, true), kStart + 62s)) << "it goes on";
  EXPECT_FALSE(turns.take("b", place_of("b", Stage::kWaits, false), kStart + 1h))
      << "one at a time of those, too";
  EXPECT_EQ(turns.ahead_of("b", kStart + 1h)->key.name, "a");
  EXPECT_FALSE(turns.take("c", rolling("c"), kStart + 63s));
  EXPECT_TRUE(turns.take("c", rolling("c"), kStart + 1h)) << "who is Ready does not wait for long";
}

}  // namespace
}  // namespace storagepool::reconcile
