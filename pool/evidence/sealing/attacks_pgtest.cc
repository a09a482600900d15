// What whoever may write rows, but has no key, does to batches and to the log's state, and what notices it.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/sealing/self_audit.h"
#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::insert_batch;
using ::testing::IsEmpty;

class AttackTest : public testing::LogDatabaseTest {
 protected:
  // Three sealed batches, then 10, 11 and 12 that wait.
  void SetUp() override {
    LogDatabaseTest::SetUp();
    for (int i = 1; i <= 3; ++i) commit(i, static_cast<std::uint64_t>(i));
    seal();
    for (int i = 10; i <= 12; ++i) commit(i, static_cast<std::uint64_t>(i));
  }
  // Of what waits, the batch 11 is changed, noticed and left out.
  void expect_left_out(const std::string& attack, Kind kind) {
    superuser(attack);
    const SealingResult result = seal();
    EXPECT_EQ(result.did, Did::kSealed);
    ASSERT_THAT(kinds_of(result), ElementsAre(kind));
    EXPECT_EQ(result.alarms[0].batch, 11) << result.alarms[0].detail;
    EXPECT_THAT(log(), ElementsAre(1, 2, 3, 10, 12));
    EXPECT_THAT(seal().alarms, IsEmpty()) << "told once";
  }
};

TEST_F(AttackTest, AnEntryIsChanged) {
  expect_left_out("UPDATE audit_batches SET entries = set_byte(entries, 30, 0) WHERE batch = 11",
                  Kind::kForgedBatch);
}

TEST_F(AttackTest, AnEntryIsReplacedByThatOfAnotherBatch) {
  expect_left_out(
      "UPDATE audit_batches SET entries = (SELECT entries FROM audit_batches WHERE batch = 1) WHERE batch = "
      "11",
      Kind::kForgedBatch);
}

TEST_F(AttackTest, ABatchIsInvented) {
  superuser("DELETE FROM audit_batches WHERE batch = 11");
  expect_left_out(
      "INSERT INTO audit_batches (batch, events, entries, mac) SELECT 11, events, entries, mac "
      "FROM audit_batches WHERE batch = 1",
      Kind::kForgedBatch);
}

TEST_F(AttackTest, WhatABatchKeepsIsChanged) {
  expect_left_out("UPDATE audit_batches SET kept = '{}', events = 0 WHERE batch = 11", Kind::kMalformedBatch);
}

TEST_F(AttackTest, WhatABatchKeepsIsNoList) {
  expect_left_out("UPDATE audit_batches SET kept = '{{1},{NULL}}' WHERE batch = 11", Kind::kMalformedBatch);
}

TEST_F(AttackTest, ABatchIsLargerThanMemory) {
  expect_left_out("UPDATE audit_batches SET entries = decode(repeat('01', 3000000), 'hex') WHERE batch = 11",
                  Kind::kMalformedBatch);
}

TEST_F(AttackTest, ASealedBatchIsSealedAgain) {
  superuser("UPDATE audit_batches SET tx = pg_current_xact_id() WHERE batch = 2");
  const SealingResult result = seal();
  EXPECT_THAT(kinds_of(result), ElementsAre(Kind::kRepeatedBatch));
  EXPECT_EQ(result.alarms.at(0).batch, 2);
  EXPECT_THAT(log(), ElementsAre(1, 2, 3, 10, 11, 12));
}

TEST_F(AttackTest, ABatchIsPutIntoTheFuture) {
  superuser("UPDATE audit_batches SET tx = '999999999999' WHERE batch = 11");
  EXPECT_THAT(kinds_of(seal()), ElementsAre(Kind::kFutureBatch));
  EXPECT_THAT(kinds_of(seal()), ElementsAre(Kind::kFutureBatch)) << "as long as it is so";
  const auto foreign = open();
  execute(*foreign, "BEGIN; SELECT pg_current_xact_id()");
  commit(13, 13);
  seal();
  clock_.pass(10s);
  const SealingResult fenced = seal();
  EXPECT_TRUE(fenced.fenced);
  EXPECT_THAT(kinds_of(fenced), ElementsAre(Kind::kFutureBatch));
  EXPECT_THAT(log(), ElementsAre(1, 2, 3, 10, 12, 13));
  EXPECT_EQ(value("SELECT last_batch FROM audit_log"), "13") << "it does not take the log with it";
}

TEST_F(AttackTest, TheStateIsChanged) {
  expect_refused("UPDATE audit_log SET last_tx = pg_current_xact_id()", Kind::kForgedState);
}

TEST_F(AttackTest, TheFrontierIsChanged) {
  expect_refused("UPDATE audit_log SET frontier = set_byte(frontier, 0, get_byte(frontier, 0) # 1)",
                 Kind::kForgedState);
}

TEST_F(AttackTest, TheStateIsNonsense) {
  expect_refused("UPDATE audit_log SET size = -1", Kind::kForgedState);
}

TEST_F(AttackTest, TheStateIsDeleted) {
  expect_refused("DELETE FROM audit_log", Kind::kStateGone);
}

TEST_F(AttackTest, TheLogIsDeleted) {
  expect_refused("TRUNCATE audit_log, audit_seals, audit_nodes, audit_expiry, audit_batches",
                 Kind::kLogRolledBack);
}

TEST_F(AttackTest, SealsAreDeleted) {
  expect_refused("DELETE FROM audit_seals", Kind::kSealsDisagree);
}

TEST_F(AttackTest, AnOlderStateIsRestored) {
  superuser("CREATE TABLE saved AS TABLE audit_log");
  const std::string back =
      "DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM saved; DELETE FROM audit_seals WHERE "
      "first_seq >= 3";
  seal();
  expect_refused(back, Kind::kLogRolledBack);
  // A pod that starts knows only what it is told.
  tlog::Hasher hasher;
  std::vector<std::string> entries;
  for (const std::uint64_t number : {1, 2, 3, 10}) entries.push_back(testing::entry(number));
  const LogState shown = testing::state_of(entries);
  sealer_ = make_sealer();
  sealer_->raise_floor({shown.size(), shown.frontier.root(hasher)});
  expect_refused(back, Kind::kLogRolledBack);
}

TEST_F(AttackTest, TheLogIsLargerThanWhatWasShownButAnotherOne) {
  tlog::Hasher hasher;
  const auto floor_of = [&](std::vector<std::uint64_t> numbers) {
    std::vector<std::string> entries;
    for (const std::uint64_t number : numbers) entries.push_back(testing::entry(number));
    const LogState shown = testing::state_of(entries);
    return Floor{shown.size(), shown.frontier.root(hasher)};
  };
  sealer_ = make_sealer();
  sealer_->raise_floor(floor_of({1, 99}));
  expect_refused("SELECT 1", Kind::kLogRolledBack);
  EXPECT_THAT(kinds_of(seal()), ElementsAre(Kind::kLogRolledBack)) << "as long as it is so";
  sealer_ = make_sealer();
  sealer_->raise_floor(floor_of({1, 2}));
  EXPECT_EQ(seal().did, Did::kSealed);
  EXPECT_TRUE(sealer_->floor_proven());
}

// A pod that starts after a rollback has seen the other history grow before it is told.
TEST_F(AttackTest, TheLogIsAnotherOneThanThatOfALowerFloor) {
  seal();
  tlog::Hasher hasher;
  const LogState shown = testing::state_of({testing::entry(1), testing::entry(99)});
  sealer_->raise_floor({shown.size(), shown.frontier.root(hasher)});
  expect_refused("SELECT 1", Kind::kLogRolledBack);
  commit(20, 20);
  EXPECT_EQ(seal().did, Did::kRefused) << "as long as it is so";
  EXPECT_FALSE(sealer_->floor_proven());
}

// As whoever makes a sealer for each look does.
TEST_F(AttackTest, WhatWasToldIsRememberedFromOneSealerToTheNext) {
  tlog::Hasher hasher;
  const LogState shown = testing::state_of({testing::entry(1), testing::entry(99)});
  sealer_->raise_floor({shown.size(), shown.frontier.root(hasher)});
  const Sealer::Memory memory = sealer_->memory();
  sealer_ = make_sealer();
  sealer_->remember(memory);
  EXPECT_EQ(seal().did, Did::kRefused);
}

// As a restore leaves it.
class RolledBackTest : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    superuser("CREATE TABLE saved AS TABLE audit_log");
    seal();
    expect_refused(kBack, Kind::kLogRolledBack);
  }
  SealingResult restart(std::int64_t epoch, bool only_look = false) {
    return must(postgres::testing::run(context_, sealer_->restart(*session_, epoch, only_look, deadline())));
  }
  static constexpr const char* kBack =
      "DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM saved; DELETE FROM audit_seals WHERE "
      "first_seq >= 3";
};

TEST_F(RolledBackTest, ANewEpochGoesOnFromWhatThereIs) {
  const SealingResult looked = restart(2, true);
  EXPECT_EQ(looked.did, Did::kSealed);
  EXPECT_EQ(looked.size, 3U);
  EXPECT_EQ(value("SELECT epoch FROM audit_log"), "1") << "nothing is changed by a look";
  EXPECT_EQ(restart(2).did, Did::kSealed);
  EXPECT_EQ(restart(2).did, Did::kNothing) << "it has begun";
  seal_all();
  EXPECT_EQ(sealer_->epoch(), 2);
  EXPECT_EQ(value("SELECT origin || ' ' || epoch || ' ' || size FROM audit_log"),
            std::string(testing::kOrigin) + "/e2 2 6");
  const auto key =
      tlog::NoteKey::of_seed(tlog::KeyKind::kLog, std::string(testing::kOrigin) + "/e2", testing::kSeed);
  EXPECT_TRUE(key->verify(*sealer_->checkpoint()));
  EXPECT_FALSE(testing::note_key().verify(*sealer_->checkpoint()));
  EXPECT_EQ(tlog::Checkpoint::read(sealer_->checkpoint()->text)->origin, key->name());
  // Another pod finds it so, whatever it was told of the epoch before.
  tlog::Hasher hasher;
  const LogState shown = testing::state_of({testing::entry(1), testing::entry(99)});
  sealer_ = make_sealer();
  sealer_->raise_floor({shown.size(), shown.frontier.root(hasher)});
  EXPECT_EQ(seal().did, Did::kNothing);
  EXPECT_EQ(sealer_->epoch(), 2);
  EXPECT_TRUE(sealer_->is_as_told());
  EXPECT_FALSE(sealer_->floor_proven()) << "of another epoch";
}

TEST_F(RolledBackTest, AStateFromBeforeARestartIsRefused) {
  restart(2);
  seal_all();
  expect_refused(kBack, Kind::kLogRolledBack);
  const tlog::Checkpoint shown = tlog::Checkpoint::read(sealer_->checkpoint()->text).value();
  sealer_ = make_sealer();
  sealer_->raise_floor({shown.size, shown.root, 2});
  expect_refused("SELECT 1", Kind::kLogRolledBack);
  sealer_ = make_sealer();
  sealer_->raise_floor({1, shown.root, 2});
  expect_refused("SELECT 1", Kind::kLogRolledBack);  // though it is larger than what was shown
}

TEST_F(RolledBackTest, ARestartGoesOverNoForgedState) {
  superuser("UPDATE audit_log SET size = 2");
  const SealingResult result = restart(2);
  EXPECT_EQ(result.did, Did::kRefused);
  EXPECT_THAT(kinds_of(result), ElementsAre(Kind::kForgedState));
}

TEST_F(AttackTest, ALogThatWasNotRolledBackIsNotRestarted) {
  const auto restart = [&] {
    return must(postgres::testing::run(context_, sealer_->restart(*session_, 2, false, deadline()))).did;
  };
  EXPECT_EQ(restart(), Did::kNothing);
  tlog::Hasher hasher;
  const LogState shown = testing::state_of({testing::entry(1), testing::entry(2)});
  sealer_->raise_floor({shown.size(), shown.frontier.root(hasher)});
  EXPECT_EQ(restart(), Did::kNothing);
  EXPECT_EQ(value("SELECT epoch FROM audit_log"), "1");
}

TEST_F(AttackTest, TheStateIsThatOfAnotherDatabase) {
  sealer_ = std::make_unique<Sealer>("log.example/other", std::vector<Keys>{make_keys(testing::kSeed)},
                                     testing::note_key(), clock_);
  expect_refused("SELECT 1", Kind::kOtherLog);
}

TEST_F(AttackTest, BatchesAreOfAnotherKey) {
  sealer_ = make_sealer(testing::kOtherSeed);
  expect_refused("SELECT 1", Kind::kForgedState);
}

// Before it is sealed, only who committed it knows that there was such a batch.
class HiddenBatchTest : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    for (int i = 10; i <= 12; ++i) audit_.acknowledged({.batch = i, .events = 1}, clock_.now());
  }
  std::vector<Kind> audited() {
    std::vector<Kind> kinds;
    for (const Alarm& alarm :
         must(postgres::testing::run(context_, audit_self(audit_, *session_, clock_.now(), deadline())))) {
      EXPECT_EQ(alarm.batch, 11) << alarm.detail;
      kinds.push_back(alarm.kind);
    }
    return kinds;
  }
  void expect_missed(const std::string& attack) {
    EXPECT_THAT(audited(), IsEmpty());
    superuser(attack);
    seal_all();
    EXPECT_THAT(audited(), IsEmpty());
    EXPECT_EQ(audit_.waiting(), 1U);
    clock_.pass(60s);
    EXPECT_THAT(audited(), ElementsAre(Kind::kMissingBatch));
    EXPECT_EQ(audit_.waiting(), 0U);
  }
  SelfAudit audit_;
};

TEST_F(HiddenBatchTest, IsMissedWhenItIsDeleted) {
  expect_missed("DELETE FROM audit_batches WHERE batch = 11");
}

TEST_F(HiddenBatchTest, IsMissedWhenItsMacIsChanged) {
  expect_missed("UPDATE audit_batches SET mac = '' WHERE batch = 11");
}

TEST_F(HiddenBatchTest, IsMissedInThePast) {
  expect_missed("UPDATE audit_batches SET tx = '3' WHERE batch = 11");
}

TEST_F(HiddenBatchTest, IsMissedInTheFuture) {
  expect_missed("UPDATE audit_batches SET tx = '999999999999' WHERE batch = 11");
}

TEST_F(HiddenBatchTest, IsMissedInAnotherIncarnation) {
  expect_missed("UPDATE audit_batches SET incarnation = 3 WHERE batch = 11");
}

TEST_F(HiddenBatchTest, IsNoticedWhenLessOfItIsKept) {
  execute(*session_, insert_batch(13, 20, 3));
  superuser(
      "DELETE FROM audit_batches WHERE batch = 11; UPDATE audit_batches SET batch = 11, kept = '{1,3}', "
      "events = 2, mac = '\\x" +
      encoding::encode_hex(testing::mac_of(11, testing::batch_of({0, 11}, 20, 3).entries)) +
      "' WHERE batch = 13");
  audit_ = {};
  audit_.acknowledged({.batch = 11, .events = 3}, clock_.now());
  seal();
  EXPECT_THAT(audited(), ElementsAre(Kind::kAlteredBatch));
}

// Some of which are read for all batches, and the others for one.
TEST_F(HiddenBatchTest, IsNoticedAmongManySeals) {
  constexpr std::int64_t kSeals = 40;
  audit_ = {};
  for (std::int64_t i = 0; i < kSeals; ++i) {
    commit(100 + i, static_cast<std::uint64_t>(100 + i));
    seal();
    audit_.acknowledged({.batch = 100 + i, .events = i == 3 || i == 39 ? 2 : 1}, clock_.now());
  }
  std::vector<std::int64_t> altered;
  for (const Alarm& alarm :
       must(postgres::testing::run(context_, audit_self(audit_, *session_, clock_.now(), deadline())))) {
    EXPECT_EQ(alarm.kind, Kind::kAlteredBatch);
    altered.push_back(alarm.batch.value_or(0));
  }
  EXPECT_THAT(altered, ElementsAre(103, 139));
  EXPECT_EQ(audit_.waiting(), 0U);
}

TEST_F(HiddenBatchTest, IsWaitedForBesideALongTransaction) {
  const auto foreign = open();
  execute(*foreign, "BEGIN; SELECT pg_current_xact_id()");
  commit(20, 20);
  audit_ = {};
  audit_.acknowledged({.batch = 20, .events = 1}, clock_.now());
  seal();
  clock_.pass(1h);
  EXPECT_THAT(audited(), IsEmpty());
  EXPECT_EQ(audit_.waiting(), 1U);
}

TEST_F(AttackTest, NewBatchesAreSentIntoALaterIncarnation) {
  superuser("ALTER TABLE audit_batches ALTER incarnation SET DEFAULT 9");
  commit(20, 20);
  seal_all();
  EXPECT_THAT(log(), ElementsAre(1, 2, 3, 10, 11, 12, 20));
  EXPECT_EQ(value("SELECT incarnation FROM audit_log"), "9");
}

TEST_F(AttackTest, NewBatchesAreSentIntoAnEarlierIncarnation) {
  superuser("ALTER TABLE audit_batches ALTER incarnation SET DEFAULT 0");
  commit(20, 20);
  EXPECT_THAT(kinds_of(seal_all()), ElementsAre(Kind::kNewIncarnation));
  commit(21, 21);
  seal_all();
  EXPECT_THAT(log(), ElementsAre(1, 2, 3, 10, 11, 12, 20, 21));
}

}  // namespace
}  // namespace storagepool::evidence
