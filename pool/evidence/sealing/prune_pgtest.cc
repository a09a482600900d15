// What has expired and is gone leaves the log, and nothing that the log has to prove.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"
#include "pool/evidence/proving/proving.h"
#include "pool/evidence/sealing/pruning.h"
#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kLongAgo = "2020-03-01T12:00:00Z";

class PruneTest : public testing::LogDatabaseTest {
 protected:
  // A batch of one kind of entries; its id is its time, early in 2020.
  void commit_kind(std::int64_t batch, std::uint64_t first, std::int64_t events, const char* time, int days,
                   const std::string& tag = {}) {
    std::string entries;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(events); ++i) {
      std::string one = testing::entry(first + i, time, days);
      if (!tag.empty()) one.replace(27, kTagBytes, tag);
      entries += one;
    }
    execute(*session_, "INSERT INTO audit_batches (batch, events, entries, mac) VALUES (" +
                           std::to_string(batch) + ", " + std::to_string(events) + ", '\\x" +
                           encoding::encode_hex(entries) + "', '\\x" +
                           encoding::encode_hex(testing::mac_of(batch, entries)) + "')");
  }
  void commit_expired(std::int64_t batch, std::uint64_t first, std::int64_t events) {
    commit_kind(batch, first, events, kLongAgo, 1);
  }
  // Six hundred that have expired, in batches of 200, and a hundred of another month that have not.
  void make_log() {
    for (std::int64_t batch = 0; batch < 3; ++batch)
      commit_expired(batch + 1, static_cast<std::uint64_t>(batch) * 200, 200);
    commit(4, 600, 100);
    seal_all();
  }
  tlog::Checkpoint checkpoint() { return tlog::Checkpoint::read(sealer_->checkpoint()->text).value(); }
  // As the witness does that has seen so many.
  void show(std::uint64_t size) {
    LogReader reader(*session_, deadline());
    const auto root = postgres::testing::run(context_, reader.root(size));
    ASSERT_TRUE(root) << root.error().detail;
    sealer_->raise_floor({.size = size, .root = *root});
  }
  tl::expected<SealingResult, postgres::Error> try_prune() {
    return postgres::testing::run(context_, sealer_->prune(*session_, runtime::wall_now(), deadline()));
  }
  SealingResult prune() {
    SealingResult result = must(try_prune());
    EXPECT_FALSE(session_->in_transaction());
    return result;
  }
  std::string min_index() { return value("SELECT min_index FROM audit_log"); }
  std::vector<std::string> batches() { return superuser("SELECT batch FROM audit_batches ORDER BY batch"); }
  // A row under the key of the entry with this number.
  static void store(std::uint64_t number) {
    std::string digits = std::to_string(number);
    superuser(
        "INSERT INTO audit_events (event_id, event_timestamp, version, event_type, event_category, "
        "event_action, event_outcome, correlation_id, resource_type, resource_id, severity, actor_id, "
        "actor_type, retention_days, is_sensitive, event_data) VALUES (lpad(to_hex(" +
        digits + "), 32, '0')::uuid, '" + kLongAgo +
        "', '1.0', 't', 'c', 'a', 'success', 'r', 'c', 'r', 'info', 's', 's', 1, false, '{}')");
  }
  static void hold(const std::string& correlation) { superuser(hold_of(correlation)); }
  static std::string hold_of(const std::string& correlation) {
    return "INSERT INTO audit_legal_holds (id, correlation_id, reason, placed_by, placed_at, events) VALUES "
           "(gen_random_uuid(), '" +
           correlation + "', 'r', 'p', now(), 0)";
  }
};

TEST_F(PruneTest, WhatHasExpiredAndIsGoneGoesUpToATile) {
  make_log();
  show(700);
  const auto shown = sealer_->checkpoint();
  const SealingResult pruned = prune();
  EXPECT_EQ(pruned.did, Did::kSealed);
  EXPECT_TRUE(pruned.again);
  EXPECT_THAT(pruned.alarms, IsEmpty());
  EXPECT_EQ(sealer_->min_index(), 512U);
  EXPECT_EQ(min_index(), "512");
  EXPECT_THAT(batches(), ElementsAre("3", "4"));
  EXPECT_EQ(prune().did, Did::kNothing);
  EXPECT_EQ(value("SELECT count(*) FROM audit_seals"), "1") << "no batch that is put back is taken for new";
  EXPECT_EQ(sealer_->checkpoint(), shown);
}

TEST_F(PruneTest, WhatStaysIsProvenAsBefore) {
  make_log();
  const tlog::Checkpoint before = checkpoint();
  show(700);
  ASSERT_EQ(prune().did, Did::kSealed);
  commit(5, 700, 300);
  EXPECT_EQ(seal().did, Did::kSealed);
  LogReader reader(*session_, deadline());
  const auto wait = [&](auto answer) { return postgres::testing::run(context_, std::move(answer)); };
  const auto grown = wait(reader.prove_growth(before, checkpoint()));
  EXPECT_TRUE(grown) << grown.error().detail;
  const tlog::Note note = *sealer_->checkpoint();
  for (const std::uint64_t seq : {512U, 599U, 600U, 700U, 999U}) {
    const auto entry = wait(reader.entries(seq, 1));
    ASSERT_TRUE(entry) << seq << ": " << entry.error().detail;
    const auto proof = wait(reader.prove({.seq = seq, .entry = *entry}, checkpoint(), note));
    EXPECT_TRUE(proof) << seq << ": " << proof.error().detail;
  }
  EXPECT_TRUE(wait(reader.entries(511, 1))) << "by which a cursor that ends there is known";
  EXPECT_TRUE(wait(reader.tile({.level = 1, .index = 0, .width = 3}, 1000)));
  EXPECT_TRUE(wait(reader.tile({.level = 0, .index = 2}, 1000)));
  for (const tlog::Tile& gone : {tlog::Tile{.level = 0, .index = 1}, tlog::Tile{.level = {}, .index = 0},
                                 tlog::Tile{.level = {}, .index = 1, .width = 9}}) {
    const auto tile = wait(reader.tile(gone, 1000));
    ASSERT_FALSE(tile) << gone.path();
    EXPECT_EQ(tile.error().kind, LogError::Kind::kPruned) << gone.path();
  }
  const auto entries = wait(reader.entries(300, 100));
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error().kind, LogError::Kind::kPruned);
  EXPECT_THAT(entries.error().detail, HasSubstr("only entries from 512 on"));
  const auto frontier = wait(reader.frontier(512));
  ASSERT_TRUE(frontier) << frontier.error().detail;
  tlog::Hasher hasher;
  EXPECT_TRUE(
      wait(reader.prove_growth({.origin = {}, .size = 512, .root = frontier->root(hasher)}, checkpoint())));
}

TEST_F(PruneTest, NothingGoesThatNobodyElseHasSeen) {
  make_log();
  EXPECT_EQ(prune().did, Did::kNothing);
  show(511);
  EXPECT_EQ(prune().did, Did::kSealed);
  EXPECT_EQ(min_index(), "256");
  EXPECT_THAT(batches(), ElementsAre("2", "3", "4"));
}

TEST_F(PruneTest, AnEventThatIsStoredStaysWithAllBehindIt) {
  make_log();
  show(700);
  store(300);
  EXPECT_EQ(prune().did, Did::kSealed);
  EXPECT_EQ(min_index(), "256");
  EXPECT_EQ(prune().did, Did::kNothing);
  superuser("DELETE FROM audit_events");
  EXPECT_EQ(prune().did, Did::kSealed);
  EXPECT_EQ(min_index(), "512");
  EXPECT_THAT(batches(), ElementsAre("3", "4"));
}

TEST_F(PruneTest, AMonthGoesWhole) {
  commit_expired(1, 0, 600);
  commit_kind(2, 600, 1, kLongAgo, 9999);
  commit(3, 601, 100);
  seal_all();
  show(701);
  EXPECT_EQ(prune().did, Did::kNothing);
  EXPECT_EQ(min_index(), "0");
}

// audit_expiry has no MAC: what it says is no reason for anything to go.
TEST_F(PruneTest, WhoeverMayWriteRowsHasNothingGoThatHasNotExpired) {
  make_log();
  commit(5, 700, 400);
  seal_all();
  show(1100);
  superuser("UPDATE audit_expiry SET expires = '2020-03-03'");
  EXPECT_EQ(prune().did, Did::kSealed);
  EXPECT_EQ(min_index(), "512");
  EXPECT_EQ(prune().did, Did::kNothing);
}

TEST_F(PruneTest, EntriesThatTheLogDoesNotHaveAreNoReasonEither) {
  commit_kind(1, 0, 600, "2026-02-28T11:22:33Z", 2555);
  commit(2, 600, 100);
  seal_all();
  show(700);
  seal();  // which finds that the log begins with it
  std::string entries;
  for (std::uint64_t i = 0; i < 600; ++i) entries += testing::entry(i, kLongAgo, 1);
  superuser(
      "UPDATE audit_expiry SET expires = '2020-03-03'; "
      "UPDATE audit_batches SET entries = '\\x" +
      encoding::encode_hex(entries) + "' WHERE batch = 1");
  const auto pruned = try_prune();
  ASSERT_FALSE(pruned);
  EXPECT_THAT(pruned.error().detail, HasSubstr("pruning: "));
  EXPECT_FALSE(session_->in_transaction());
  EXPECT_EQ(min_index(), "0");
  EXPECT_THAT(batches(), ElementsAre("1", "2"));
}

TEST_F(PruneTest, WhatAHoldKeepsStaysAlsoWhereItsRowIsGone) {
  const auto tag = EntryWriter(make_keys(testing::kSeed)).tag("held");
  commit_expired(1, 0, 300);
  commit_kind(2, 300, 1, kLongAgo, 1, std::string(tag.begin(), tag.end()));
  commit_expired(3, 301, 300);
  commit(4, 601, 100);
  seal_all();
  show(701);
  hold("held");
  EXPECT_EQ(prune().did, Did::kSealed);
  EXPECT_EQ(min_index(), "256");
  superuser("UPDATE audit_legal_holds SET released_at = now()");
  EXPECT_EQ(prune().did, Did::kSealed);
  EXPECT_EQ(min_index(), "512");
}

TEST_F(PruneTest, AHoldThatIsBeingPlacedIsWaitedFor) {
  make_log();
  show(700);
  const auto other = open();
  execute(*other, "BEGIN");
  execute(*other, hold_of("r"));
  EXPECT_EQ(prune().did, Did::kBusy);
  EXPECT_EQ(min_index(), "0");
  execute(*other, "ROLLBACK");
  EXPECT_EQ(prune().did, Did::kSealed);
}

TEST_F(PruneTest, ABatchOfThisDayStays) {
  commit_expired(1, 0, 300);
  commit_expired(batch_id(runtime::wall_now(), 0), 300, 300);
  seal_all();
  show(600);
  EXPECT_EQ(prune().did, Did::kSealed);
  EXPECT_EQ(min_index(), "256");
  EXPECT_EQ(prune().did, Did::kNothing);
}

TEST_F(PruneTest, ABatchThatIsPutBackIsNotSealedAgain) {
  make_log();
  superuser("CREATE TABLE kept AS SELECT * FROM audit_batches WHERE batch = 1");
  show(700);
  ASSERT_EQ(prune().did, Did::kSealed);
  superuser(
      "INSERT INTO audit_batches (batch, events, entries, mac) SELECT batch, events, entries, mac FROM kept");
  EXPECT_THAT(kinds_of(seal()), ElementsAre(Kind::kRepeatedBatch));
  EXPECT_EQ(seal().size, 700U);
}

TEST_F(PruneTest, TheLogIsSealedOnByOtherPodsAndARollbackStillShows) {
  make_log();
  show(700);
  ASSERT_EQ(prune().did, Did::kSealed);
  const auto shown = sealer_->checkpoint();
  commit(5, 700, 100);
  sealer_ = make_sealer();
  // Of a witness that has forgotten what it has seen since.
  sealer_->raise_floor({.size = 300, .root = {}});
  EXPECT_EQ(seal().size, 800U);
  EXPECT_EQ(sealer_->min_index(), 512U);
  EXPECT_NE(sealer_->checkpoint(), shown);
  EXPECT_EQ(prune().did, Did::kNothing);
  sealer_->raise_floor({.size = 700, .root = {}});
  EXPECT_THAT(kinds_of(seal()), ElementsAre(Kind::kLogRolledBack)) << "another history";
  sealer_ = make_sealer();
  sealer_->raise_floor({.size = 800, .root = {}});
  EXPECT_THAT(kinds_of(prune()), ElementsAre(Kind::kLogRolledBack));
}

// The state says what is pruned; without the MAC nobody makes it say more.
TEST_F(PruneTest, NobodyElsePassesEntriesOffAsPruned) {
  make_log();
  expect_refused("UPDATE audit_log SET min_index = 512", Kind::kForgedState);
}

}  // namespace
}  // namespace storagepool::evidence
