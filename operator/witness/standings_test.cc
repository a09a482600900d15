#include "operator/witness/standings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/witness/testing/told_log.h"

namespace storagepool::witness {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kPool;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class StandingsTest : public ::testing::Test {
 protected:
  StandingsTest() {
    log_.grow(7);
    floor_ = cosigned(log_.floor(), testing::witness_key(), now_);
  }
  static tlog::NoteKey key(const std::string& name) {
    return tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, name, std::string(32, 'o')).value();
  }
  static render::LogWitness named(const std::string& name) {
    return {.url = "https://" + name, .vkey = key(name).public_text()};
  }
  std::vector<std::uint64_t> due() {  // from which sizes
    std::vector<std::uint64_t> sizes;
    for (const Due& one : standings_.due(kPool, floor_, named_, now_)) sizes.push_back(one.old_size);
    return sizes;
  }
  void hear(Heard heard, const std::string& name = "a") {
    standings_.heard(kPool, named(name).vkey, submission_of(floor_, now_), heard, now_);
  }
  void hear_cosigned() { hear({.worth = Worth::kCosigned, .why = {}, .cosignature = {}, .at = now_}); }
  void hear_elsewhere(std::uint64_t size) {
    hear({.worth = Worth::kElsewhere, .why = "elsewhere", .cosignature = {}, .at = {}, .size = size});
  }
  void sign_floor() {
    floor_.note.signatures.push_back(
        key("a").sign(floor_.note.text, std::chrono::floor<std::chrono::seconds>(now_)));
  }
  void grow(int more) {
    log_.grow(more);
    floor_ = cosigned(log_.floor(), testing::witness_key(), now_);
  }
  pods::WitnessWord word() const { return standings_.words(kPool, now_).at(0); }

  testing::ToldLog log_;
  runtime::Timestamp now_{1'790'000'000s};
  Floor floor_;
  std::vector<render::LogWitness> named_{named("a")};
  Standings standings_;
};

TEST_F(StandingsTest, EachIsAskedForEachCheckpointOnce) {
  named_.push_back(named("b"));
  EXPECT_THAT(due(), ElementsAre(0U, 0U));
  EXPECT_THAT(due(), IsEmpty()) << "they have not answered";
  sign_floor();
  hear_cosigned();
  hear({.worth = Worth::kFailed, .why = "down"}, "b");
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_EQ(word(), (pods::WitnessWord{.name = "a", .state = "Cosigning", .failing = {}}));
  grow(5);
  EXPECT_THAT(due(), ElementsAre(7U)) << "and the other has its pause";
}

TEST_F(StandingsTest, GoesOnFromWhatTheWitnessHasCosigned) {
  ASSERT_THAT(due(), ElementsAre(0U));
  hear_elsewhere(4);
  EXPECT_THAT(due(), ElementsAre(4U)) << "at once";
  hear_cosigned();
  EXPECT_EQ(standings_.inconsistency(kPool), "");
}

TEST_F(StandingsTest, OneThatSaysAnotherSizeEachTimeIsNotAskedWithoutEnd) {
  int asked = 0;
  for (std::uint64_t size = 1; size < 6 && !due().empty(); ++size, ++asked) hear_elsewhere(size);
  EXPECT_EQ(asked, 3);
  now_ += kFirstPause;
  EXPECT_THAT(due(), SizeIs(1));
}

TEST_F(StandingsTest, OneThatIsAwayIsAskedLessAndLessOften) {
  int asked = 0;
  for (int minute = 0; minute < 24 * 60; ++minute, now_ += 1min) {
    if (due().empty()) continue;
    ++asked;
    hear({.worth = Worth::kFailed, .why = "it cannot be reached"});
  }
  EXPECT_GE(asked, 24);
  EXPECT_LE(asked, 32);
  grow(1);
  EXPECT_THAT(due(), IsEmpty()) << "whatever the log does";
  now_ += kLongestPause;
  ASSERT_THAT(due(), SizeIs(1));
  hear_cosigned();
  grow(1);
  EXPECT_THAT(due(), SizeIs(1)) << "it is there again";
}

TEST_F(StandingsTest, AClockThatWasSetBackHoldsNobodyUp) {
  ASSERT_THAT(due(), SizeIs(1));
  hear({.worth = Worth::kFailed, .why = "down"});
  now_ -= 24h;
  EXPECT_THAT(due(), SizeIs(1));
}

TEST_F(StandingsTest, WhatMayPassIsToldAfterAWhileAndTheRestAtOnce) {
  ASSERT_THAT(due(), SizeIs(1));
  hear({.worth = Worth::kFailed, .why = "it cannot be reached"});
  now_ += kPatience - 1s;
  EXPECT_EQ(word().state, "Waiting");
  now_ += 1s;
  EXPECT_EQ(word(), (pods::WitnessWord{.name = "a", .state = "Failing", .failing = "it cannot be reached"}));
  EXPECT_EQ(standings_.inconsistency(kPool), "");
  ASSERT_THAT(due(), SizeIs(1));
  hear_cosigned();
  EXPECT_EQ(word().state, "Cosigning");
  for (const Worth worth : {Worth::kRefused, Worth::kUnusable}) {
    hear({.worth = worth, .why = "no"});
    EXPECT_EQ(word().state, "Failing");
  }
}

TEST_F(StandingsTest, AnotherHistoryIsSaidUntilItIsCosigned) {
  ASSERT_THAT(due(), SizeIs(1));
  hear({.worth = Worth::kInconsistent, .why = "it has seen another"});
  EXPECT_EQ(word().state, "Inconsistent");
  EXPECT_EQ(standings_.inconsistency(kPool), "of the witness a: it has seen another");
  now_ += kFirstPause;
  ASSERT_THAT(due(), SizeIs(1)) << "and it is asked again";
  hear_cosigned();
  EXPECT_EQ(standings_.inconsistency(kPool), "");
}

// Either what is kept came from a back-up, and the log has it all, or the log was set back.
TEST_F(StandingsTest, OneThatHasSeenMoreIsComparedWithTheNewest) {
  ASSERT_THAT(due(), ElementsAre(0U));
  EXPECT_FALSE(standings_.is_ahead(kPool, 7));
  hear_elsewhere(9);
  EXPECT_TRUE(standings_.is_ahead(kPool, 7));
  EXPECT_EQ(standings_.inconsistency(kPool), "") << "it is not known";
  EXPECT_THAT(due(), IsEmpty());
  standings_.newest(kPool, 8);
  EXPECT_THAT(standings_.inconsistency(kPool), HasSubstr("has cosigned the log with 9 entries"));
  EXPECT_EQ(word().state, "Inconsistent");
  now_ += kFirstPause;
  EXPECT_THAT(due(), ElementsAre(0U)) << "what it says now";
  hear_elsewhere(9);
  grow(3);
  standings_.newest(kPool, 10);
  EXPECT_EQ(standings_.inconsistency(kPool), "");
  now_ += kFirstPause;
  EXPECT_THAT(due(), ElementsAre(9U));
}

TEST_F(StandingsTest, KnowsWhoHasCosignedWhatAnotherOperatorKept) {
  sign_floor();
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_EQ(word().state, "Cosigning");
  EXPECT_EQ(standings_.cosigned(kPool).at("a"), now_);
  floor_.note.signatures.back().bytes.back() ^= 1;
  Standings after;
  EXPECT_THAT(after.due(kPool, floor_, named_, now_), SizeIs(1)) << "if it is good";
}

TEST_F(StandingsTest, AnotherEpochIsAnotherLog) {
  ASSERT_THAT(due(), SizeIs(1));
  const Submission before = submission_of(floor_, now_);
  floor_.epoch = 2;
  EXPECT_THAT(due(), ElementsAre(0U));
  standings_.heard(kPool, named("a").vkey, before,
                   {.worth = Worth::kInconsistent, .why = "late, and of the one before"}, now_);
  EXPECT_EQ(standings_.inconsistency(kPool), "");
  EXPECT_THAT(due(), IsEmpty()) << "it is asked";
}

TEST_F(StandingsTest, ForgetsWhomTheStoragePoolDoesNotName) {
  ASSERT_THAT(due(), SizeIs(1));
  hear({.worth = Worth::kInconsistent, .why = "another"});
  named_ = {named("b")};
  EXPECT_THAT(due(), SizeIs(1));
  EXPECT_EQ(standings_.inconsistency(kPool), "");
  EXPECT_EQ(word().name, "b");
  named_ = {};
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_THAT(standings_.words(kPool, now_), IsEmpty());
  EXPECT_THAT(standings_.known(), IsEmpty());
  hear_cosigned();
  EXPECT_THAT(standings_.known(), IsEmpty()) << "nor does who answers late come back";
}

}  // namespace
}  // namespace storagepool::witness
