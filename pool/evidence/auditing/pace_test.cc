#include "pool/evidence/auditing/pace.h"

#include <gtest/gtest.h>

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using Next = AuditTurn::Next;
using Phase = AuditProgress::Phase;

constexpr std::int64_t kMe = 1;
constexpr std::int64_t kOther = 2;

class PaceTest : public ::testing::Test {
 protected:
  AuditTurn turn(const AuditProgress& progress, std::chrono::microseconds later = 0us,
                 std::int64_t size = 100) const {
    return next_turn(progress, now_ + later, kMe, size, pace_);
  }
  AuditProgress running(std::int64_t pod = kMe) const {
    return {.began = now_, .stepped = now_, .pod = pod, .size = 100};
  }
  AuditProgress ended() const {
    AuditProgress progress = running();
    progress.phase = Phase::kEnded;
    return progress;
  }
  const runtime::Timestamp now_{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30}};
  const AuditPace pace_;
};

TEST_F(PaceTest, APassBeginsWhereNoneHas) {
  EXPECT_EQ(next_turn(std::nullopt, now_, kMe, 1, pace_).next, Next::kBegin);
}

TEST_F(PaceTest, APassBeginsEverySevenDays) {
  const AuditTurn early = turn(ended(), 7 * 24h - 5s);
  EXPECT_EQ(early.next, Next::kWait);
  EXPECT_EQ(early.wait, 5'001ms);
  EXPECT_EQ(turn(ended(), 1h).wait, 60s) << "others may begin one";
  EXPECT_EQ(turn(ended(), 7 * 24h).next, Next::kBegin);
}

TEST_F(PaceTest, AClockThatWasAheadKeepsNobodyFromBeginning) {
  EXPECT_EQ(turn(ended(), -7 * 24h - 1us).next, Next::kBegin);
  EXPECT_EQ(turn(ended(), -1h).next, Next::kWait);
}

TEST_F(PaceTest, OnePodTakesTheSteps) {
  EXPECT_EQ(turn(running(kMe), 1h).next, Next::kStep);
  EXPECT_EQ(turn(running(kOther), 59s).next, Next::kWait);
  EXPECT_EQ(turn(running(kOther), 59s).wait, 30s);
}

TEST_F(PaceTest, WhatAPodThatHasEndedHasLeftIsTakenOver) {
  EXPECT_EQ(turn(running(kOther), 60s).next, Next::kStep);
  EXPECT_EQ(turn(running(kOther), -60s).next, Next::kStep) << "its clock was ahead";
}

TEST_F(PaceTest, APassOverALogThatWasRolledBackBeginsAnew) {
  EXPECT_EQ(turn(running(), 1s, 99).next, Next::kBegin);
  EXPECT_EQ(turn(running(), 1s, 100).next, Next::kStep);
  EXPECT_EQ(turn(running(kOther), 1s, 99).next, Next::kWait) << "this pod may be behind";
}

TEST_F(PaceTest, AStepASecondWhereThatEndsIt) {
  EXPECT_EQ(pause_after(running(), now_, 5ms, pace_), 1s);
  EXPECT_EQ(pause_after(running(), now_, 0ms, pace_), 1s);
}

TEST_F(PaceTest, MoreStepsWhereItWouldNotEndInTime) {
  AuditProgress progress = running();
  progress.size = 600'000'000;
  progress.blocks = 32 * 100'000;
  const auto pause = pause_after(progress, now_, 1ms, pace_);
  const std::int64_t steps = progress.size / kStepEntries + progress.blocks / kStepBlocks;
  EXPECT_LT(pause * steps, 7 * 24h);
  EXPECT_GT(pause * steps, 6 * 24h);
  progress.at = progress.size;
  progress.blocks_read = progress.blocks - 32;
  EXPECT_EQ(pause_after(progress, now_, 1ms, pace_), 1s) << "little is left";
}

TEST_F(PaceTest, MostOfTheTimeIsLeftToOthersHoweverLateItIs) {
  AuditProgress progress = running();
  progress.size = 1'000'000'000'000;
  EXPECT_EQ(pause_after(progress, now_, 200ms, pace_), 600ms);
  EXPECT_EQ(pause_after(progress, now_, 0ms, pace_), 20ms);
  EXPECT_EQ(pause_after(progress, now_ + 30 * 24h, 200ms, pace_), 600ms);
  EXPECT_EQ(pause_after(running(), now_, 2s, pace_), 6s) << "PostgreSQL has much to do";
}

}  // namespace
}  // namespace storagepool::evidence
