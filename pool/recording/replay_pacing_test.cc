#include "pool/recording/replay_pacing.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::recording {
namespace {

using namespace std::chrono_literals;
using TimePoint = ReplayPacing::TimePoint;
using Lane = ReplayPacing::Lane;

class ReplayPacingTest : public ::testing::Test {
 protected:
  ReplayPacing::Action next(Lane lane = Lane::kFlowing) {
    std::vector<journal::WaitingWorkspace> waiting;
    for (const auto& [workspace, units] : waiting_) {
      if (units > 0) waiting.push_back({workspace, {.units = units}, 1, {}});
    }
    return pacing_.next(lane, now_, waiting);
  }
  ReplayPacing::Take take(Lane lane = Lane::kFlowing) {
    const auto action = next(lane);
    const auto* taken = std::get_if<ReplayPacing::Take>(&action);
    EXPECT_NE(taken, nullptr);
    return taken == nullptr ? ReplayPacing::Take{} : *taken;
  }
  // Nanoseconds until the next batch, which is not taken; none when nothing is to be done before an append.
  std::optional<std::chrono::nanoseconds> pause(Lane lane = Lane::kFlowing) {
    ReplayPacing before = pacing_;
    const auto action = next(lane);
    pacing_ = std::move(before);
    const auto* wait = std::get_if<ReplayPacing::Wait>(&action);
    if (wait == nullptr) return 0ns;
    if (!wait->until) return std::nullopt;
    return *wait->until - now_;
  }
  std::size_t store_one_batch(std::chrono::nanoseconds took = 10ms, bool live = false) {
    const auto taken = take(pacing_.failing() ? Lane::kFailing : Lane::kFlowing);
    pacing_.done(taken.workspace, now_, took, live);
    return taken.max_events;
  }
  std::string store_one_batch_of_flowing() {
    const auto taken = take();
    pacing_.done(taken.workspace, now_, 10ms, false);
    return taken.workspace;
  }
  // The back-off of the only workspace.
  std::chrono::nanoseconds fail() {
    const bool before = pacing_.failing();
    const auto taken = take(before ? Lane::kFailing : Lane::kFlowing);
    EXPECT_NE(pacing_.failed(taken.workspace, now_, random_), before);
    const auto delay = pause(Lane::kFailing).value_or(0ns);
    now_ += delay;
    return delay;
  }

  TimePoint now_ = TimePoint(1000s);
  std::mt19937_64 random_{1};
  ReplayLimits limits_;
  ReplayPacing pacing_{limits_};
  std::map<std::string, std::int64_t> waiting_{{"a", 1000000}};
};

TEST_F(ReplayPacingTest, WaitsForAnAppendWhenThereIsNothing) {
  EXPECT_EQ(pause(), 0ns);
  waiting_ = {};
  EXPECT_EQ(pause(), std::nullopt);
  EXPECT_EQ(pause(Lane::kFailing), std::nullopt);
}

TEST_F(ReplayPacingTest, BatchesBeginSmallAndDoubleUpToTheLimit) {
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 11; ++i) sizes.push_back(store_one_batch());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500}));
  EXPECT_EQ(take().max_bytes, limits_.max_bytes);
}

TEST_F(ReplayPacingTest, AFailureHalvesTheBatch) {
  for (int i = 0; i < 10; ++i) store_one_batch();
  fail();
  EXPECT_EQ(store_one_batch(), 250U);
  for (int i = 0; i < 20; ++i) fail();
  EXPECT_EQ(store_one_batch(), 1U);
}

TEST_F(ReplayPacingTest, GoesOnAtOnceWhileNobodyElseWaits) {
  store_one_batch(10ms, false);
  EXPECT_EQ(pause(), 0ns);
}

TEST_F(ReplayPacingTest, LeavesHalfOfTheTimeToLiveRequestsWhateverWaits) {
  waiting_["b"] = 5;
  store_one_batch(10ms, true);
  EXPECT_EQ(pause(), 10ms);
  now_ += 10ms;
  EXPECT_EQ(pause(), 0ns);
  store_one_batch(10ms, true);
  pacing_.hurry();
  EXPECT_EQ(pause(), 0ns);
}

TEST_F(ReplayPacingTest, BatchesAreSmallBesideLiveRequests) {
  for (int i = 0; i < 10; ++i) store_one_batch();
  EXPECT_EQ(store_one_batch(10ms, true), 500U);
  now_ += 10ms;
  EXPECT_EQ(store_one_batch(10ms, true), 16U);
  now_ += 10ms;
  EXPECT_EQ(store_one_batch(10ms, false), 16U);
  EXPECT_EQ(store_one_batch(), 32U) << "doubled again, without live requests";
}

TEST_F(ReplayPacingTest, BacksOffFromATenthOfASecondToFiveWithJitter) {
  const std::vector<std::pair<std::chrono::nanoseconds, std::chrono::nanoseconds>> bounds{
      {100ms, 200ms},   {200ms, 400ms},   {400ms, 800ms},  {800ms, 1600ms},
      {1600ms, 3200ms}, {2500ms, 5000ms}, {2500ms, 5000ms}};
  std::set<std::chrono::nanoseconds> seen;
  for (const auto& [least, most] : bounds) {
    const auto delay = fail();
    EXPECT_GE(delay, least);
    EXPECT_LE(delay, most);
    seen.insert(delay);
  }
  EXPECT_EQ(seen.size(), bounds.size());
  for (int i = 0; i < 1000; ++i) {
    const auto delay = fail();
    EXPECT_GE(delay, 2500ms);
    EXPECT_LE(delay, 5000ms);
  }
}

TEST_F(ReplayPacingTest, SuccessEndsTheBackOff) {
  for (int i = 0; i < 10; ++i) fail();
  store_one_batch();
  EXPECT_FALSE(pacing_.failing());
  EXPECT_EQ(pause(), 0ns);
  EXPECT_LE(fail(), 200ms);
}

TEST_F(ReplayPacingTest, AnAppendDoesNotCutABackOffShort) {
  pacing_.failed(take().workspace, now_, random_);
  const auto before = pause(Lane::kFailing);
  ++waiting_["a"];
  EXPECT_EQ(pause(Lane::kFailing), before);
  EXPECT_GE(before, 100ms);
}

TEST_F(ReplayPacingTest, WorkspacesTakeTurns) {
  waiting_ = {{"a", 9}, {"b", 9}, {"c", 9}};
  std::string order;
  for (int i = 0; i < 7; ++i) {
    const auto taken = take();
    order += taken.workspace;
    pacing_.done(taken.workspace, now_, 10ms, false);
  }
  EXPECT_EQ(order, "abcabca");
}

TEST_F(ReplayPacingTest, NobodyElseTakesOfAWorkspaceThatIsTaken) {
  waiting_ = {{"a", 9}, {"b", 9}};
  EXPECT_EQ(take().workspace, "a");
  EXPECT_EQ(take().workspace, "b");
  EXPECT_EQ(pause(), std::nullopt);
  pacing_.done("b", now_, 10ms, false);
  EXPECT_EQ(take().workspace, "b");
}

TEST_F(ReplayPacingTest, AWorkspaceThatFailsIsInNobodysWay) {
  waiting_ = {{"a", 9}, {"b", 9}};
  EXPECT_EQ(take().workspace, "a");
  EXPECT_TRUE(pacing_.failed("a", now_, random_));
  now_ += 10s;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(store_one_batch_of_flowing(), "b");
  EXPECT_EQ(take(Lane::kFailing).workspace, "a");
  EXPECT_EQ(store_one_batch_of_flowing(), "b") << "while the other is tried";
  pacing_.done("a", now_, 10ms, false);
  EXPECT_EQ(pause(Lane::kFailing), std::nullopt);
  EXPECT_EQ(store_one_batch_of_flowing(), "a");
}

TEST_F(ReplayPacingTest, AFailingDiskHoldsUpEverything) {
  waiting_ = {{"a", 9}, {"b", 9}};
  pacing_.journal_failed(take().workspace, now_, random_);
  EXPECT_GE(pause(), 100ms);
  EXPECT_FALSE(pacing_.failing());
  pacing_.journal_failed(std::nullopt, now_, random_);
  EXPECT_GE(pause(), 200ms);
  now_ += 5s;
  store_one_batch();
  EXPECT_EQ(pause(), 0ns);
}

TEST_F(ReplayPacingTest, GoesOnBehindWhatIsPutOffAndBeginsAnewAfterAWhile) {
  waiting_ = {{"a", 3}};
  EXPECT_EQ(take().after, 0);
  pacing_.put_off("a", 7, now_);
  pacing_.done("a", now_, 10ms, false);
  EXPECT_EQ(take().after, 7);
  pacing_.put_off("a", 8, now_);
  pacing_.done("a", now_, 10ms, false);
  waiting_ = {{"a", 2}};  // both are put off
  EXPECT_EQ(pause(), limits_.put_off);
  waiting_ = {{"a", 3}};
  EXPECT_EQ(take().after, 8);
  pacing_.done("a", now_, 10ms, false);
  now_ += limits_.put_off;
  EXPECT_EQ(take().after, 0);
}

TEST_F(ReplayPacingTest, SpendsAFifthOfTheTimeOnWhatIsPutOff) {
  waiting_ = {{"a", 1}};
  take();
  pacing_.put_off("a", 7, now_);
  pacing_.done("a", now_, 20s, false);
  EXPECT_EQ(pause(), 80s);
}

TEST_F(ReplayPacingTest, WhatIsPutOffIsTriedAgainThoughTheBatchFailedOrThereIsAlwaysMore) {
  take();
  pacing_.put_off("a", 7, now_);
  pacing_.failed("a", now_, random_);
  now_ += limits_.put_off;
  EXPECT_EQ(take(Lane::kFailing).after, 0);
}

TEST_F(ReplayPacingTest, WhatWaitsBelowThePositionIsFoundFromTheOldestOn) {
  waiting_ = {{"a", 2}};
  take();
  pacing_.put_off("a", 7, now_);
  pacing_.done("a", now_, 10ms, false);
  EXPECT_EQ(take().after, 7);
  pacing_.reached_end("a", now_);
  pacing_.done("a", now_, 10ms, false);
  EXPECT_EQ(pause(), limits_.put_off) << "nothing is read again and again";
  waiting_ = {{"a", 3}};
  EXPECT_EQ(pause(), 0ns);
  now_ += limits_.put_off;
  EXPECT_EQ(take().after, 0);
}

}  // namespace
}  // namespace storagepool::recording
