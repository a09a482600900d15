#include "operator/witness/witness.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/witness/testing/told_log.h"

namespace storagepool::witness {
namespace {

using ::testing::HasSubstr;
using testing::kOrigin;
using testing::ToldLog;
using testing::witness_key;
using namespace std::chrono_literals;

Refusal refusal(const Floor* kept, const settings::LogReport& told) {
  const auto examined = examine(kept, told, kOrigin);
  EXPECT_FALSE(examined);
  return examined ? Refusal{} : examined.error();
}

TEST(WitnessTest, TakesWhatContinuesWhatItKeeps) {
  ToldLog log;
  log.grow(7);
  const auto first = examine(nullptr, log.told(), kOrigin);
  ASSERT_TRUE(first) << first.error().why;
  EXPECT_EQ(*first, log.floor());
  for (const int more : {1, 1, 300, 255}) {
    const Floor kept = log.floor();
    log.grow(more);
    const auto next = examine(&kept, log.told(kept.checkpoint.size), kOrigin);
    ASSERT_TRUE(next) << next.error().why;
    EXPECT_EQ(next->checkpoint.size, log.size());
  }
  const Floor kept = log.floor();
  EXPECT_EQ(examine(&kept, log.told(), kOrigin)->checkpoint, kept.checkpoint) << "it need not have grown";
}

TEST(WitnessTest, TakesNoOtherHistory) {
  ToldLog log;
  ToldLog other;
  log.grow(7);
  other.grow(6);
  const Floor kept = log.floor();
  const Refusal smaller = refusal(&kept, other.told());
  EXPECT_TRUE(smaller.inconsistent);
  EXPECT_EQ(smaller.why, "the log has 6 entries and was witnessed with 7 entries");
  other.grow(1, "forged ");
  const Refusal same = refusal(&kept, other.told());
  EXPECT_TRUE(same.inconsistent);
  EXPECT_THAT(same.why, HasSubstr("another root hash at its size of 7"));
  other.grow(5);
  const Refusal larger = refusal(&kept, other.told(7));
  EXPECT_TRUE(larger.inconsistent);
  EXPECT_THAT(larger.why, HasSubstr("of 12 entries is not proven to continue that of 7 entries"));
}

TEST(WitnessTest, BelievesNoProofThatIsNone) {
  ToldLog log;
  log.grow(7);
  const Floor kept = log.floor();
  log.grow(5);
  settings::LogReport told = log.told(7);
  told.proof.pop_back();
  EXPECT_TRUE(refusal(&kept, told).inconsistent);
  told.proof = {};
  EXPECT_TRUE(refusal(&kept, told).inconsistent);
  told.proof = {"%%%"};
  EXPECT_EQ(refusal(&kept, told), (Refusal{.inconsistent = false, .why = "its proof cannot be read"}));
  told.proof.assign(1000, log.told(7).proof.front());
  EXPECT_FALSE(refusal(&kept, told).inconsistent);
}

TEST(WitnessTest, TakesNothingThatTheLogHasNotSigned) {
  ToldLog log;
  log.grow(7);
  settings::LogReport told = log.told();
  told.vkey = ToldLog(kOrigin, 'x').told().vkey;
  EXPECT_THAT(refusal(nullptr, told).why, HasSubstr("not signed by the key"));
  told.vkey = witness_key().public_text();
  EXPECT_THAT(refusal(nullptr, told).why, HasSubstr("verifier key cannot be read"));
  told.checkpoint = "nonsense";
  EXPECT_THAT(refusal(nullptr, told).why, HasSubstr("checkpoint cannot be used"));
}

// Else a pod could have a tree of its own cosigned as that of another StoragePool.
TEST(WitnessTest, TakesNoLogOfAnotherStoragePool) {
  ToldLog theirs("storagepool.dev/other/audit");
  theirs.grow(7);
  const Refusal refused = refusal(nullptr, theirs.told());
  EXPECT_FALSE(refused.inconsistent);
  EXPECT_THAT(refused.why, HasSubstr("is not named storagepool.dev/team/audit"));
}

TEST(WitnessTest, TakesTheNextEpochOnlyWhereSomebodyHasAskedForIt) {
  ToldLog log;
  ToldLog next(std::string(kOrigin) + "/e2");
  ToldLog later(std::string(kOrigin) + "/e3");
  log.grow(7);
  next.grow(3);
  later.grow(9);
  const Floor kept = log.floor();
  EXPECT_TRUE(refusal(&kept, next.told()).inconsistent);
  const auto restarted = examine(&kept, next.told(), kOrigin, true);
  ASSERT_TRUE(restarted) << restarted.error().why;
  EXPECT_EQ(restarted->epoch, 2);
  EXPECT_EQ(restarted->before, kept.note.write()) << "what others were shown is kept";
  EXPECT_FALSE(examine(&kept, later.told(), kOrigin, true)) << "one was left out";
  const Floor now = *restarted;
  EXPECT_FALSE(examine(&now, log.told(), kOrigin, true)) << "there is no way back";
  next.grow(1);
  EXPECT_EQ(examine(&now, next.told(3), kOrigin)->before, kept.note.write());
}

TEST(WitnessTest, AnotherKeyOfTheSameLogIsTakenWithAProof) {
  ToldLog log;
  ToldLog rekeyed(kOrigin, 'x');
  log.grow(7);
  rekeyed.grow(12);
  const Floor kept = log.floor();
  const auto next = examine(&kept, rekeyed.told(7), kOrigin);
  ASSERT_TRUE(next);
  EXPECT_NE(next->vkey, kept.vkey);
}

TEST(WitnessTest, ACosignatureSaysWhen) {
  ToldLog log;
  log.grow(7);
  const Floor floor = cosigned(log.floor(), witness_key(), runtime::Timestamp(1'790'000'000'500ms));
  const auto read = tlog::Note::read(floor.note.write());
  ASSERT_TRUE(read);
  const auto verified = witness_key().verify(*read);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->at, std::chrono::sys_seconds(1'790'000'000s));
  EXPECT_TRUE(tlog::NoteKey::read(floor.vkey)->verify(*read)) << "beside the log's own signature";
}

// A pod could hand a cosignature back under a text that nobody cosigned.
TEST(WitnessTest, KeepsNoSignatureThatItDoesNotKnow) {
  ToldLog log;
  log.grow(7);
  settings::LogReport told = log.told();
  told.checkpoint = cosigned(log.floor(), witness_key(), runtime::Timestamp(1s)).note.write();
  EXPECT_EQ(examine(nullptr, told, kOrigin).value(), log.floor());
}

}  // namespace
}  // namespace storagepool::witness
