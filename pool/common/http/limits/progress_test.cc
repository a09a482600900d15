#include "pool/common/http/limits/progress.h"

#include <optional>

#include <gtest/gtest.h>

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using Duration = std::chrono::milliseconds;

const runtime::TimePoint kBegin{};

// How long a peer that moves `bytes` every `every` is listened to; nothing when it comes to `total`.
std::optional<Duration> cut_after(std::size_t bytes, Duration every, std::size_t total) {
  Progress progress(Pace(), kBegin);
  std::size_t moved = 0;
  for (Duration now = every;; now += every) {
    if (progress.deadline() <= kBegin + now)
      return std::chrono::duration_cast<Duration>(progress.deadline() - kBegin);
    moved += bytes;
    if (moved >= total) return std::nullopt;
    progress.moved(bytes, kBegin + now);
  }
}

TEST(Progress, SilenceIsCut) {
  Progress progress(Pace(), kBegin);
  EXPECT_EQ(progress.deadline(), kBegin + 30s);
  progress.moved(1'000'000, kBegin + 10s);
  EXPECT_EQ(progress.deadline(), kBegin + 40s);
  progress.moved(0, kBegin + 20s);
  EXPECT_EQ(progress.deadline(), kBegin + 40s);
}

TEST(Progress, ATrickleIsCutAtTheEndOfItsWindow) {
  EXPECT_EQ(cut_after(1, 29s, 1'000'000), 30s);
  EXPECT_EQ(cut_after(1, 10ms, 1'000'000), 30s);
  EXPECT_EQ(cut_after(1023, 1s, 1'000'000), 30s);
}

TEST(Progress, WhatFlowsIsNotCutHoweverLongItTakes) {
  EXPECT_EQ(cut_after(200'000, 1s, 30'000'000), std::nullopt);  // a download of 150 s
  EXPECT_EQ(cut_after(80'000, 1s, 3'000'000), std::nullopt);
  EXPECT_EQ(cut_after(2048, 1s, 5'000'000), std::nullopt);
  EXPECT_EQ(cut_after(60'000, 29s, 1'000'000), std::nullopt);  // in bursts
}

// A client that pauses for 26 s with a full buffer: TCP, which sends again after 0.2 s and then after twice
// as long each time, does so after 25.4 s and then after 51 s.
TEST(Progress, AnAnswerIsNotCutBetweenTwoAttemptsOfTcp) {
  Progress progress(pace_of_sending(Pace()), kBegin);
  progress.moved(4'000'000, kBegin + 1s);
  EXPECT_GT(progress.deadline(), kBegin + 1s + 51s);
  EXPECT_EQ(progress.deadline(), kBegin + 61s);
}

TEST(Progress, AShortBodyMayBeSlowForOneWindow) {
  EXPECT_EQ(cut_after(10, 1s, 200), std::nullopt);
}

TEST(Progress, AGoodBeginningDoesNotPayForATrickle) {
  Progress progress(Pace(), kBegin);
  progress.moved(10'000'000, kBegin + 1s);
  progress.moved(1, kBegin + 30s);  // begins a window
  for (auto now = 31s; now < 60s; now += 1s) progress.moved(1, kBegin + now);
  EXPECT_EQ(progress.deadline(), kBegin + 60s);
}

TEST(Progress, WhatComesAfterTheDeadlineDoesNotMoveIt) {
  Progress progress(Pace(), kBegin);
  progress.moved(1, kBegin + 29s);
  progress.moved(1'000'000, kBegin + 31s);
  EXPECT_EQ(progress.deadline(), kBegin + 30s);
}

TEST(Progress, TellsHowFastItWasSoFar) {
  Progress progress(Pace(), kBegin);
  EXPECT_EQ(progress.bytes_per_second(kBegin), 0);
  progress.moved(1000, kBegin);
  EXPECT_EQ(progress.bytes_per_second(kBegin), 1000);
  EXPECT_EQ(progress.bytes_per_second(kBegin + 9s), 100);
}

}  // namespace
}  // namespace storagepool::http
