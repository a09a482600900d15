#include "pool/evidence/sealing/judge.h"

#include <gtest/gtest.h>

#include "pool/evidence/sealing/cut_watch.h"
#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using Kind = Alarm::Kind;
using Next = Judgement::Next;
using testing::entry;
using testing::state_of;

class JudgeTest : public ::testing::Test {
 protected:
  // Of a log of two entries, written by the transaction 1000.
  JudgeTest() {
    LogState state = state_of({entry(1), entry(2)});
    state.last = {900, 5};
    state.written_by = 1000;
    write(state);
  }
  void write(const LogState& state) {
    const Mac mac = macs_.of_state(state);
    facts_ = {.row = StateRow{.state = state,
                              .mac = {mac.begin(), mac.end()},
                              .xmin = static_cast<std::uint32_t>(state.written_by)},
              .next_tx = state.written_by + 5,
              .incarnation = state.incarnation,
              .sealed = state.size()};
  }
  Judgement judged() { return judge(facts_, testing::kOrigin, floor_, macs_, hasher_); }
  void expect_refused(Kind kind) {
    const Judgement judgement = judged();
    EXPECT_EQ(judgement.next, Next::kRefuse);
    ASSERT_TRUE(judgement.alarm);
    EXPECT_EQ(judgement.alarm->kind, kind) << judgement.alarm->detail;
  }
  Floor floor_of(const std::vector<std::string>& entries) {
    const LogState state = state_of(entries);
    return {state.size(), state.frontier.root(hasher_)};
  }
  // Of a log whose transaction ids start anew: after which id batches are those of its new place.
  void expect_closed(std::uint64_t after) {
    const Judgement judgement = judged();
    EXPECT_EQ(judgement.next, Next::kClose);
    EXPECT_EQ(judgement.closed_after, after);
    ASSERT_TRUE(judgement.alarm);
    EXPECT_EQ(judgement.alarm->kind, Kind::kNewIncarnation);
  }

  std::vector<Keys> keys_{make_keys(testing::kSeed)};
  LogMacs macs_{keys_};
  tlog::Hasher hasher_;
  LogFacts facts_;
  std::optional<Floor> floor_;
};

TEST_F(JudgeTest, GoesOnFromTheState) {
  const Judgement judgement = judged();
  EXPECT_EQ(judgement.next, Next::kSeal);
  EXPECT_FALSE(judgement.alarm);
  EXPECT_EQ(judgement.state.last, (BatchPlace{900, 5}));
  EXPECT_EQ(judgement.state.size(), 2U);
}

TEST_F(JudgeTest, BeginsALogThatHasNone) {
  facts_ = {.next_tx = 5, .incarnation = 3};
  const Judgement judgement = judged();
  EXPECT_EQ(judgement.next, Next::kSeal);
  EXPECT_EQ(judgement.state.origin, testing::kOrigin);
  EXPECT_EQ(judgement.state.incarnation, 3);
  EXPECT_EQ(judgement.state.size(), 0U);
}

TEST_F(JudgeTest, RefusesAStateThatNoPodWrote) {
  facts_.row->state.last.tx = 0;
  expect_refused(Kind::kForgedState);
  write(state_of({}));
  facts_.row->mac = "";
  expect_refused(Kind::kForgedState);
  write(state_of({}));
  facts_.row->fault = "it has a number that is none";
  expect_refused(Kind::kForgedState);
}

TEST_F(JudgeTest, RefusesWithoutItsState) {
  facts_.row.reset();
  expect_refused(Kind::kStateGone);
  facts_.sealed = 0;
  EXPECT_EQ(judged().next, Next::kSeal);
  floor_ = floor_of({entry(1)});
  expect_refused(Kind::kLogRolledBack);
}

TEST_F(JudgeTest, RefusesTheStateOfAnotherLog) {
  LogState state = state_of({entry(1)});
  state.origin = "log.example/other";
  write(state);
  expect_refused(Kind::kOtherLog);
}

TEST_F(JudgeTest, RefusesWhereSealsEndElsewhere) {
  facts_.sealed = 3;
  expect_refused(Kind::kSealsDisagree);
  facts_.sealed = 0;
  expect_refused(Kind::kSealsDisagree);
}

TEST_F(JudgeTest, RefusesBelowTheFloor) {
  floor_ = floor_of({entry(1)});
  EXPECT_EQ(judged().next, Next::kSeal);
  floor_ = floor_of({entry(1), entry(2)});
  EXPECT_EQ(judged().next, Next::kSeal);
  floor_ = floor_of({entry(1), entry(3)});
  expect_refused(Kind::kLogRolledBack);
  floor_ = floor_of({entry(1), entry(2), entry(3)});
  expect_refused(Kind::kLogRolledBack);
}

TEST_F(JudgeTest, ClosesAnIncarnationWhoseIdsAreOfAnotherServer) {
  facts_.row->xmin = 700;
  facts_.next_tx = 720;  // lower ones
  expect_closed(700);
  facts_.next_tx = 100'000;  // higher ones
  expect_closed(700);
  constexpr std::uint64_t kEra = std::uint64_t{1} << 32;
  facts_.next_tx = 3 * kEra + 720;
  expect_closed(3 * kEra + 700);
  facts_.next_tx = 3 * kEra + 700;
  expect_closed(2 * kEra + 700);
  facts_.next_tx = 600;
  expect_closed(0);
}

TEST_F(JudgeTest, ClosesAnIncarnationWhoseIdsWereSetBack) {
  facts_.next_tx = 1000;
  expect_closed(0);
  facts_.next_tx = 1001;
  EXPECT_EQ(judged().next, Next::kSeal);
}

TEST_F(JudgeTest, ClosesAnIncarnationThatNewBatchesAreBefore) {
  LogState state = facts_.row->state;
  state.incarnation = 2;
  write(state);
  facts_.incarnation = 1;
  expect_closed(900);
}

TEST_F(JudgeTest, FinishesAnIncarnationThatGetsNoNewBatches) {
  facts_.incarnation = 2;
  EXPECT_EQ(judged().next, Next::kFinish);
  EXPECT_FALSE(judged().alarm);
}

TEST(CutWatch, IsOverAfterBatchesHaveWaitedForOneTransaction) {
  const CutWatch::TimePoint start{1h};
  CutWatch watch;
  EXPECT_FALSE(watch.over(start));
  watch.look(start, 10, true);
  EXPECT_FALSE(watch.over(start + 4999ms));
  watch.look(start + 4s, 10, true);
  EXPECT_EQ(watch.age(start + 5s), 5s);
  EXPECT_TRUE(watch.over(start + 5s));
  watch.fenced(start + 5s);
  EXPECT_FALSE(watch.over(start + 9s));
  EXPECT_TRUE(watch.over(start + 10s));
  watch.look(start + 10s, 11, true);  // the next
  EXPECT_FALSE(watch.over(start + 14s));
  watch.look(start + 14s, 11, false);
  EXPECT_FALSE(watch.over(start + 20s));
  EXPECT_EQ(watch.age(start + 20s), 0s);
}

}  // namespace
}  // namespace storagepool::evidence
