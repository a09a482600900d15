#include "pool/recording/stall.h"

#include <gtest/gtest.h>

namespace storagepool::recording {
namespace {

using namespace std::chrono_literals;

class StallsTest : public ::testing::Test {
 protected:
  bool worth_waiting(double fill = 0) const { return stalls_.worth_waiting("a", fill, now_); }
  void pass(std::chrono::milliseconds time) { now_ += time; }

  Stalls stalls_{1s};
  Stalls::TimePoint now_{1h};
};

TEST_F(StallsTest, NobodyWaitsNoStall) {
  EXPECT_TRUE(worth_waiting(1));
  EXPECT_FALSE(stalls_.nothing_commits(now_));
  EXPECT_EQ(stalls_.waits_until("a"), Stalls::TimePoint::max());
  stalls_.began("a", now_);
  pass(999ms);
  EXPECT_FALSE(stalls_.ended("a", now_));
  pass(1h);
  EXPECT_TRUE(worth_waiting(1));
}

TEST_F(StallsTest, AWriteWaitsForASecondWithoutACommit) {
  stalls_.began("a", now_);
  EXPECT_EQ(stalls_.waits_until("a"), now_ + 1s);
  pass(600ms);
  stalls_.began("a", now_);
  EXPECT_EQ(stalls_.waits_until("a"), now_ + 400ms) << "who comes later waits for less";
  stalls_.committed("a", now_);
  EXPECT_EQ(stalls_.waits_until("a"), now_ + 1s);
  pass(999ms);
  EXPECT_TRUE(worth_waiting());
  pass(1ms);
  EXPECT_FALSE(worth_waiting());
  EXPECT_TRUE(stalls_.ended("a", now_));
  EXPECT_FALSE(stalls_.ended("a", now_)) << "it begins once";
}

TEST_F(StallsTest, AFullQueueCountsSooner) {
  stalls_.began("a", now_);
  pass(249ms);
  EXPECT_TRUE(worth_waiting(1));
  EXPECT_FALSE(stalls_.nothing_commits(now_));
  pass(1ms);
  EXPECT_TRUE(worth_waiting(0.7));
  EXPECT_FALSE(worth_waiting(0.75));
  EXPECT_TRUE(stalls_.nothing_commits(now_));
  stalls_.committed("a", now_);
  EXPECT_TRUE(worth_waiting(1));
}

TEST_F(StallsTest, OneAtATimeLooksWhetherItIsOver) {
  stalls_.began("a", now_);
  pass(1s);
  EXPECT_TRUE(stalls_.ended("a", now_));
  EXPECT_FALSE(worth_waiting());
  EXPECT_TRUE(stalls_.nothing_commits(now_));
  pass(250ms);
  EXPECT_TRUE(worth_waiting());
  stalls_.began("a", now_);
  EXPECT_FALSE(worth_waiting());
  EXPECT_EQ(stalls_.waits_until("a"), now_ + 1s);
  pass(1s);
  EXPECT_FALSE(stalls_.ended("a", now_)) << "it is the same stall";
  EXPECT_FALSE(worth_waiting());
  stalls_.committed("a", now_);
  EXPECT_TRUE(worth_waiting());
}

TEST_F(StallsTest, ConcernsOneDatabase) {
  stalls_.began("a", now_);
  stalls_.began("b", now_);
  pass(1s);
  stalls_.committed("b", now_);
  EXPECT_TRUE(stalls_.ended("a", now_));
  EXPECT_FALSE(worth_waiting());
  EXPECT_TRUE(stalls_.worth_waiting("b", 1, now_));
  EXPECT_TRUE(stalls_.worth_waiting("c", 0, now_));
}

TEST_F(StallsTest, AreCountedWhileTheyLastAndSinceTheStart) {
  const auto expect = [&](std::uint64_t begun, std::int64_t lasting) {
    EXPECT_EQ(stalls_.figures(now_).begun, begun);
    EXPECT_EQ(stalls_.figures(now_).now, lasting);
  };
  for (const char* database : {"a", "b"}) stalls_.began(database, now_);
  pass(1s);
  expect(0, 0);
  for (const char* database : {"a", "b"}) EXPECT_TRUE(stalls_.ended(database, now_));
  expect(2, 2);
  stalls_.committed("a", now_);
  expect(2, 1);
  pass(59s);
  stalls_.began("b", now_);
  pass(1s);
  expect(2, 1);
  EXPECT_FALSE(stalls_.ended("b", now_));
  pass(59s);
  expect(2, 1);
  pass(1s);
  expect(2, 0);  // nobody has looked for a minute
  stalls_.began("b", now_);
  expect(2, 1);
  stalls_.clear();
  expect(2, 0);
}

TEST_F(StallsTest, ClearedWhileWritesWait) {
  stalls_.began("a", now_);
  stalls_.began("a", now_);
  pass(1s);
  EXPECT_TRUE(stalls_.ended("a", now_));
  stalls_.clear();
  EXPECT_FALSE(worth_waiting()) << "the other still waits in vain";
  EXPECT_TRUE(stalls_.ended("a", now_));
  stalls_.clear();
  EXPECT_TRUE(worth_waiting());
}

TEST_F(StallsTest, FollowsTheSetting) {
  stalls_.began("a", now_);
  stalls_.set_stall_after(3s);
  EXPECT_EQ(stalls_.waits_until("a"), now_ + 3s);
  pass(1s);
  EXPECT_TRUE(worth_waiting());
}

}  // namespace
}  // namespace storagepool::recording
