#include "pool/recording/replay_pacing.h"

#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::recording {
namespace {

using namespace std::chrono_literals;
using TimePoint = ReplayPacing::TimePoint;

class ReplayPacingTest : public ::testing::Test {
 protected:
  // Nanoseconds until the next batch; none when nothing is to be done before an append.
  std::optional<std::chrono::nanoseconds> pause(std::int64_t waiting = 1) const {
    const auto action = pacing_.next(now_, waiting);
    const auto* wait = std::get_if<ReplayPacing::Wait>(&action);
    if (wait == nullptr) return 0ns;
    if (!wait->until) return std::nullopt;
    return *wait->until - now_;
  }
  std::size_t batch() const { return std::get<ReplayPacing::Take>(pacing_.next(now_, 1)).max_events; }
  void stored(std::chrono::nanoseconds took = 10ms, bool live = false) { pacing_.stored(now_, took, live); }
  void failed() { pacing_.failed(now_, random_); }

  TimePoint now_ = TimePoint(1000s);
  std::mt19937_64 random_{1};
  ReplayLimits limits_;
  ReplayPacing pacing_{limits_};
};

TEST_F(ReplayPacingTest, WaitsForAnAppendWhenThereIsNothing) {
  EXPECT_EQ(pause(0), std::nullopt);
  EXPECT_EQ(pause(1), 0ns);
}

TEST_F(ReplayPacingTest, BatchesBeginSmallAndDoubleUpToTheLimit) {
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 11; ++i) {
    sizes.push_back(batch());
    stored();
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500}));
  EXPECT_EQ(std::get<ReplayPacing::Take>(pacing_.next(now_, 1)).max_bytes, limits_.max_bytes);
}

TEST_F(ReplayPacingTest, AFailureHalvesTheBatch) {
  for (int i = 0; i < 10; ++i) stored();
  failed();
  now_ += 10s;
  EXPECT_EQ(batch(), 250U);
  for (int i = 0; i < 20; ++i) failed();
  now_ += 10s;
  EXPECT_EQ(batch(), 1U);
}

TEST_F(ReplayPacingTest, GoesOnAtOnceWhileNobodyElseWaits) {
  stored(10ms, false);
  EXPECT_EQ(pause(), 0ns);
}

TEST_F(ReplayPacingTest, LeavesHalfOfTheTimeToLiveRequests) {
  stored(10ms, true);
  EXPECT_EQ(pause(), 10ms);
  now_ += 10ms;
  EXPECT_EQ(pause(), 0ns);
}

TEST_F(ReplayPacingTest, BacksOffFromATenthOfASecondToFiveWithJitter) {
  const std::vector<std::pair<std::chrono::nanoseconds, std::chrono::nanoseconds>> bounds{
      {100ms, 200ms},   {200ms, 400ms},   {400ms, 800ms},  {800ms, 1600ms},
      {1600ms, 3200ms}, {2500ms, 5000ms}, {2500ms, 5000ms}};
  std::set<std::chrono::nanoseconds> seen;
  for (const auto& [least, most] : bounds) {
    failed();
    const auto delay = pause();
    ASSERT_TRUE(delay);
    EXPECT_GE(*delay, least);
    EXPECT_LE(*delay, most);
    seen.insert(*delay);
  }
  EXPECT_EQ(seen.size(), bounds.size());
  for (int i = 0; i < 1000; ++i) {
    failed();
    EXPECT_GE(*pause(), 2500ms);
    EXPECT_LE(*pause(), 5000ms);
  }
  EXPECT_TRUE(pacing_.backing_off());
}

TEST_F(ReplayPacingTest, SuccessEndsTheBackOff) {
  for (int i = 0; i < 10; ++i) failed();
  stored();
  EXPECT_FALSE(pacing_.backing_off());
  EXPECT_EQ(pause(), 0ns);
  failed();
  EXPECT_LE(*pause(), 200ms);
}

TEST_F(ReplayPacingTest, AnAppendDoesNotCutABackOffShort) {
  failed();
  EXPECT_EQ(pause(1), pause(1000));
  EXPECT_GE(*pause(1000), 100ms);
}

}  // namespace
}  // namespace storagepool::recording
