#include "operator/witness/book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/witness/testing/told_log.h"

namespace storagepool::witness {
namespace {

using ::testing::IsEmpty;
using testing::kPool;
using ::testing::SizeIs;

class BookTest : public ::testing::Test {
 protected:
  std::optional<settings::LogFloor> next(std::int64_t floor = 0, const std::string& alarm = "") {
    return book_.next(kPool,
                      {.size = static_cast<std::int64_t>(log_.size()),
                       .floor = floor,
                       .alarm = alarm,
                       .detail = "",
                       .epoch = 1},
                      now_);
  }
  bool grows(std::int64_t floor = 0) {
    const auto said = next(floor);
    return said && said->grow;
  }
  // Asked, found good, written.
  void raise() {
    book_.found(kPool, log_.floor());
    for (auto& [pool, floor] : book_.to_write()) book_.keep(pool, "u1", floor, now_);
  }
  std::int64_t kept() const {
    const Floor* floor = book_.floor(kPool);
    return floor == nullptr ? 0 : static_cast<std::int64_t>(floor->checkpoint.size);
  }

  testing::ToldLog log_;
  Book book_;
  runtime::Timestamp now_{1'790'000'000s};
};

TEST_F(BookTest, AsksForTheFirstCheckpointAtOnceAndOnePodAlone) {
  EXPECT_FALSE(next()) << "nothing is there to be kept";
  log_.grow(3);
  const auto asked = next();
  ASSERT_TRUE(asked);
  EXPECT_EQ(*asked, (settings::LogFloor{.checkpoint = "", .grow = true, .restart = {}}));
  EXPECT_FALSE(next());
  now_ += kAskAgain;
  EXPECT_TRUE(grows()) << "it has not answered";
  raise();
  EXPECT_EQ(kept(), 3);
}

TEST_F(BookTest, TellsEachPodWhatIsKeptUntilItKnows) {
  log_.grow(3);
  raise();
  EXPECT_EQ(kept(), 0) << "nobody has asked";
  ASSERT_TRUE(grows());
  raise();
  const auto told = next();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->checkpoint, log_.floor().note.write());
  EXPECT_FALSE(told->grow);
  EXPECT_TRUE(next(2));
  EXPECT_FALSE(next(3));
}

TEST_F(BookTest, WritesOnceInTenMinutesAndOnlyWhatHasGrown) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  raise();
  int writes = 0;
  for (int minute = 1; minute <= 60; ++minute) {
    now_ += 1min;
    log_.grow(1);
    if (!grows(kept())) continue;
    ++writes;
    raise();
  }
  EXPECT_EQ(writes, 6);
  now_ += 24h;
  log_.grow(1);
  ASSERT_TRUE(grows(kept()));
  raise();
  now_ += 24h;
  EXPECT_FALSE(next(kept())) << "a log at rest costs nothing";
}

TEST_F(BookTest, AClockThatWasSetBackHoldsNothingUp) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  raise();
  now_ -= 24h;
  log_.grow(1);
  EXPECT_TRUE(grows(3));
}

TEST_F(BookTest, WhatCouldNotBeWrittenIsNotTold) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  book_.found(kPool, log_.floor());
  EXPECT_THAT(book_.to_write(), SizeIs(1));
  EXPECT_THAT(book_.to_write(), SizeIs(1)) << "until it is";
  now_ += 1h;
  EXPECT_FALSE(next()) << "nor is more asked for";
}

TEST_F(BookTest, APodWithAnAlarmIsToldAndNotAsked) {
  log_.grow(3);
  EXPECT_FALSE(next(0, "ForgedState"));
  ASSERT_TRUE(grows());
  raise();
  now_ += 1h;
  log_.grow(1);
  const auto told = next(0, "ForgedState");
  ASSERT_TRUE(told);
  EXPECT_FALSE(told->grow);
}

TEST_F(BookTest, AnInconsistencyStandsUntilTheLogIsAsItWas) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  raise();
  book_.found(kPool, tl::unexpected(Refusal{.inconsistent = false, .why = "unreadable"}));
  EXPECT_EQ(book_.inconsistency(kPool), "");
  book_.found(kPool, tl::unexpected(Refusal{.inconsistent = true, .why = "another"}));
  EXPECT_EQ(book_.inconsistency(kPool), "another");
  EXPECT_THAT(book_.to_write(), IsEmpty());
  EXPECT_EQ(kept(), 3);
  book_.found(kPool, log_.floor());
  EXPECT_EQ(book_.inconsistency(kPool), "");
}

TEST_F(BookTest, ARestartIsAskedForOncePerMinuteWithTheNextEpoch) {
  log_.grow(3);
  const settings::LogFacts pod{.size = 3, .floor = 3, .alarm = "LogRolledBack", .detail = "", .epoch = 1};
  EXPECT_FALSE(book_.next(kPool, pod, now_, "restored")) << "of what nothing is kept nothing was rolled back";
  ASSERT_TRUE(grows());
  raise();
  EXPECT_FALSE(book_.next(kPool, pod, now_));
  now_ += kAskAgain;
  const auto asked = book_.next(kPool, pod, now_, "restored");
  ASSERT_TRUE(asked);
  EXPECT_TRUE(asked->grow);
  EXPECT_EQ(asked->restart, (settings::LogRestart{.epoch = 2, .reason = "restored"}));
  EXPECT_EQ(asked->checkpoint, log_.floor().note.write());
  EXPECT_FALSE(book_.next(kPool, pod, now_, "restored"));
  // Whatever became of the answer, a pod tells later that it is so.
  settings::LogFacts restarted{.size = 1, .floor = 0, .alarm = "", .detail = "", .epoch = 2};
  EXPECT_FALSE(book_.next(kPool, restarted, now_));
  now_ += kAskAgain;
  const auto again = book_.next(kPool, restarted, now_);
  ASSERT_TRUE(again) << "though it is smaller, and not ten minutes have passed";
  EXPECT_TRUE(again->grow);
  EXPECT_FALSE(again->restart);
  Floor next = log_.floor();
  next.epoch = 2;
  book_.found(kPool, next);
  EXPECT_THAT(book_.to_write(), SizeIs(1)) << "though it is no larger";
}

TEST_F(BookTest, ACosignatureOfAnotherIsWrittenAndToldToWhoHasFewer) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  raise();
  const auto outside =
      tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "outside", std::string(32, 'o')).value();
  const std::string text = book_.floor(kPool)->note.text;
  const auto by = outside.sign(text, std::chrono::sys_seconds(1s));
  book_.cosigned(kPool, "another text", by);
  EXPECT_THAT(book_.to_write(), IsEmpty());
  book_.cosigned(kPool, text, by);
  book_.cosigned(kPool, text, outside.sign(text, std::chrono::sys_seconds(2s)));
  ASSERT_THAT(book_.to_write(), SizeIs(1));
  const Floor first = book_.to_write()[0].second;
  EXPECT_THAT(first.note.signatures, SizeIs(2)) << "of one key one";
  // Another comes while that is written.
  const auto late = tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "late", std::string(32, 'o')).value();
  book_.cosigned(kPool, text, late.sign(text, std::chrono::sys_seconds(3s)));
  book_.keep(kPool, "u1", first, now_);
  ASSERT_THAT(book_.to_write(), SizeIs(1));
  EXPECT_THAT(book_.to_write()[0].second.note.signatures, SizeIs(3));
  settings::LogFacts pod{.size = 3, .floor = 3, .alarm = "", .detail = "", .epoch = 1};
  EXPECT_FALSE(book_.next(kPool, pod, now_)) << "an older pod does not say how many it has";
  pod.signatures = 2;
  EXPECT_FALSE(book_.next(kPool, pod, now_));
  pod.signatures = 1;
  const auto told = book_.next(kPool, pod, now_);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->checkpoint, first.note.write());
}

TEST_F(BookTest, WhatGrowsWhileItIsCosignedIsNotHeldUp) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  raise();
  const std::string text = book_.floor(kPool)->note.text;
  now_ += kPeriod;
  log_.grow(1);
  ASSERT_TRUE(grows(3));
  book_.found(kPool, log_.floor());
  const auto outside =
      tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "outside", std::string(32, 'o')).value();
  book_.cosigned(kPool, text, outside.sign(text, std::chrono::sys_seconds(1s)));
  EXPECT_EQ(book_.to_write()[0].second, log_.floor());
}

TEST_F(BookTest, InAHurryTheNewestIsAskedForBeforeItsTime) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  raise();
  const settings::LogFacts pod{.size = 3, .floor = 3, .alarm = "", .detail = "", .epoch = 1};
  now_ += kAskAgain;
  EXPECT_FALSE(book_.next(kPool, pod, now_));
  ASSERT_TRUE(book_.next(kPool, pod, now_, {}, true));
  EXPECT_FALSE(book_.next(kPool, pod, now_, {}, true)) << "once a minute";
}

TEST_F(BookTest, KnowsNothingOfWhatIsForgotten) {
  log_.grow(3);
  ASSERT_TRUE(grows());
  EXPECT_THAT(book_.known(), SizeIs(1)) << "also before it has a floor";
  book_.forget(kPool);
  book_.found(kPool, log_.floor());
  EXPECT_THAT(book_.to_write(), IsEmpty());
  EXPECT_THAT(book_.known(), IsEmpty());
}

}  // namespace
}  // namespace storagepool::witness
