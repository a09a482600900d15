#include "pool/evidence/proving/proving.h"

#include <cstdio>
#include <random>

#include <gtest/gtest.h>

#include "pool/common/tlog/testing/kept_tree.h"
#include "pool/event/uuid.h"
#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using tlog::InclusionProof;
using Error = LogError::Kind;

class ProvingTest : public testing::LogDatabaseTest {
 protected:
  // A log of three full tiles of hashes and part of a fourth, of batches that keep all or some.
  void SetUp() override {
    LogDatabaseTest::SetUp();
    std::mt19937_64 random(11);
    std::int64_t batch = 1;
    for (std::uint64_t number = 1; number <= 1000; ++batch) {
      const auto events = static_cast<std::int64_t>(1 + random() % 20);
      commit(batch, number, events);
      batches_.emplace_back(batch, number, events);
      if (events > 2 && random() % 3 == 0) {
        superuser(
            "UPDATE audit_batches SET kept = ARRAY(SELECT generate_series(2, events, 2)), events = events / "
            "2 "
            "WHERE batch = " +
            std::to_string(batch));
      }
      if (random() % 8 == 0) seal();
      number += static_cast<std::uint64_t>(events);
    }
    seal();
    for (const std::uint64_t number : log()) tree_.append(testing::entry(number)), numbers_.push_back(number);
    note_ = *sealer_->checkpoint();
    checkpoint_ = tlog::Checkpoint::read(note_.text).value();
  }
  LogReader reader() { return {*session_, deadline()}; }
  template <typename T>
  tl::expected<T, LogError> wait(LogReader::Answer<T> answer) {
    return postgres::testing::run(context_, std::move(answer));
  }
  static std::string id_of(std::uint64_t number) {
    char text[64];
    std::snprintf(text, sizeof text, "00000000-0000-0000-%04llx-%012llx",
                  static_cast<unsigned long long>(number >> 48),
                  static_cast<unsigned long long>(number & 0xFFFF'FFFF'FFFF));
    return text;
  }
  std::int64_t batch_of_number(std::uint64_t number) const {
    for (const auto& [batch, first, events] : batches_)
      if (number >= first && number < first + static_cast<std::uint64_t>(events)) return batch;
    return 0;
  }
  tl::expected<InclusionProof, LogError> prove(std::uint64_t number) {
    LogReader log_reader = reader();
    auto place = wait(log_reader.find(id_of(number), batch_of_number(number)));
    if (!place) return tl::unexpected(place.error());
    return wait(log_reader.prove(*place, checkpoint_, note_));
  }

  std::vector<std::tuple<std::int64_t, std::uint64_t, std::int64_t>> batches_;
  std::vector<std::uint64_t> numbers_;  // the log
  tlog::testing::KeptTree tree_;
  tlog::Checkpoint checkpoint_;
  tlog::Note note_;
};

TEST_F(ProvingTest, ProvesThatTheLogHasAnEvent) {
  ASSERT_GT(numbers_.size(), 768U);
  for (std::uint64_t seq = 0; seq < numbers_.size(); seq += 37) {
    const auto proof = prove(numbers_[seq]);
    ASSERT_TRUE(proof) << proof.error().detail;
    EXPECT_EQ(proof->index, seq);
    const auto read = InclusionProof::read(proof->write());
    ASSERT_TRUE(read) << read.error();
    EXPECT_TRUE(testing::note_key().verify(read->checkpoint));
    tlog::Hasher hasher;
    EXPECT_TRUE(tlog::verify_inclusion(hasher, hasher.leaf(testing::entry(numbers_[seq])), read->index,
                                       checkpoint_.size, read->path, tree_.root()));
  }
}

TEST_F(ProvingTest, ProvesThatTheLogHasGrown) {
  for (std::uint64_t size = 1; size <= numbers_.size(); size += 41) {
    EXPECT_EQ(wait(reader().root(size)).value(), tree_.root(size));
    const tlog::Checkpoint old{.origin = checkpoint_.origin, .size = size, .root = tree_.root(size)};
    const auto proof = wait(reader().prove_growth(old, checkpoint_));
    ASSERT_TRUE(proof) << proof.error().detail;
    tlog::Hasher hasher;
    EXPECT_TRUE(tlog::verify_consistency(hasher, size, old.root, checkpoint_.size, checkpoint_.root, *proof));
  }
  tlog::Checkpoint other{.origin = checkpoint_.origin, .size = 100, .root = tree_.root(101)};
  EXPECT_EQ(wait(reader().prove_growth(other, checkpoint_)).error().kind, Error::kBroken);
}

TEST_F(ProvingTest, GivesTilesAsTheirFilesAre) {
  const std::uint64_t size = numbers_.size();
  const auto expect = [&](const tlog::Tile& tile) {
    const auto bytes = wait(reader().tile(tile, size));
    ASSERT_TRUE(bytes) << bytes.error().detail;
    std::string expected;
    const tlog::Kept kept = tile.kept();
    if (tile.level) {
      expected = tlog::tile_of(tree_.hashes(kept));
    } else {
      for (std::uint64_t i = 0; i < kept.count; ++i)
        tlog::append_entry(expected, testing::entry(numbers_.at(kept.first + i)));
    }
    EXPECT_EQ(*bytes, expected) << tile.path();
  };
  const auto rest = static_cast<unsigned>(size % 256);
  for (const std::optional<unsigned>& level : {std::optional<unsigned>(), std::optional<unsigned>(0)}) {
    for (std::uint64_t index = 0; index < size / 256; ++index) expect({.level = level, .index = index});
    expect({.level = level, .index = size / 256, .width = rest});
    expect({.level = level, .index = size / 256, .width = 1});
    EXPECT_EQ(wait(reader().tile({.level = level, .index = size / 256}, size)).error().kind, Error::kNotIn);
  }
  expect({.level = 1, .index = 0, .width = static_cast<unsigned>(size / 256)});
  EXPECT_EQ(wait(reader().tile({.level = 1, .index = 1, .width = 1}, size)).error().kind, Error::kNotIn);
}

TEST_F(ProvingTest, TellsWhatHasNoProof) {
  commit(5000, 5000);
  EXPECT_EQ(wait(reader().find(id_of(5000), 5000)).error().kind, Error::kNotSealed);
  EXPECT_EQ(wait(reader().find(id_of(1), 9999)).error().kind, Error::kNotSealed);
  seal();
  const auto place = wait(reader().find(id_of(5000), 5000));
  ASSERT_TRUE(place);
  EXPECT_EQ(wait(reader().prove(*place, checkpoint_, note_)).error().kind, Error::kNotIn);
  EXPECT_EQ(wait(reader().find(id_of(5001), 5000)).error().kind, Error::kNoEntry);
  superuser("DROP TABLE audit_seals");
  const auto failed = wait(reader().find(id_of(1), 1));
  EXPECT_EQ(failed.error().kind, Error::kUnavailable);
  EXPECT_EQ(failed.error().postgres.sqlstate, "42P01");
}

TEST_F(ProvingTest, TellsWhatTheTablesHaveOfAnEvent) {
  EntryWriter writer(make_keys(testing::kSeed));
  const auto look = [&](std::uint64_t number, std::int64_t batch) {
    return wait(reader().look(id_of(number), batch, checkpoint_, note_, writer)).value();
  };
  const auto expect_broken = [&](const char* fault) {
    const Logged logged = look(5000, 5000);
    EXPECT_EQ(logged.kind, Logged::Kind::kBroken);
    EXPECT_THAT(logged.fault, ::testing::HasSubstr(fault));
  };
  const Logged proven = look(numbers_[7], batch_of_number(numbers_[7]));
  EXPECT_EQ(proven.kind, Logged::Kind::kProven) << proven.fault;
  EXPECT_EQ(proven.entry, testing::entry(numbers_[7]));
  commit(5000, 5000, 3);
  const Logged pending = look(5000, 5000);
  EXPECT_EQ(pending.kind, Logged::Kind::kPending) << pending.fault;
  EXPECT_EQ(pending.entry, testing::entry(5000));
  superuser("UPDATE audit_batches SET kept = '{2,3}', events = 2 WHERE batch = 5000");
  expect_broken("has no entry of it");
  EXPECT_EQ(look(5002, 5000).kind, Logged::Kind::kPending);
  superuser("UPDATE audit_batches SET kept = NULL, entries = set_byte(entries, 66, 0) WHERE batch = 5000");
  expect_broken("not as a pod has written it");
  superuser("UPDATE audit_batches SET mac = ''");
  expect_broken("not as a pod has written it");
  superuser("DELETE FROM audit_batches WHERE batch = 5000");
  expect_broken("not there");
  commit(5000, 5000);
  superuser("UPDATE audit_batches SET mac = '' WHERE batch < 5000");
  seal();
  EXPECT_EQ(look(5000, 5000).kind, Logged::Kind::kPending) << "the checkpoint is of the log before";
  superuser("UPDATE audit_nodes SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1)");
  EXPECT_EQ(look(numbers_[7], batch_of_number(numbers_[7])).kind, Logged::Kind::kBroken);
}

TEST_F(ProvingTest, FindsEntriesByTheirTag) {
  std::array<std::uint8_t, kTagBytes> tag;
  tag.fill('t');
  superuser("DELETE FROM audit_batches");
  for (std::int64_t batch = 1; batch <= 1100; ++batch)
    commit(batch, static_cast<std::uint64_t>(batch), batch == 700 ? 3 : 1);
  superuser("UPDATE audit_batches SET kept = '{1,3}', events = 2 WHERE batch = 700");
  superuser(
      "UPDATE audit_batches SET entries = overlay(entries PLACING '\\x00' FROM 28) WHERE batch NOT IN (1, "
      "700, 1100)");
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::vector<std::int64_t> looked_at;
  for (std::optional<std::int64_t> next = 1100; next;) {
    const Tagged tagged = wait(reader().tagged({1, *next}, tag)).value();
    for (const TaggedEntry& one : tagged.found)
      found.emplace_back(one.batch, event::format_uuid(one.entry.event_id));
    looked_at.push_back(tagged.looked_at);
    next = tagged.next;
  }
  EXPECT_THAT(found, ::testing::ElementsAre(
                         std::pair(std::int64_t{1100}, id_of(1100)), std::pair(std::int64_t{700}, id_of(700)),
                         std::pair(std::int64_t{700}, id_of(702)), std::pair(std::int64_t{1}, id_of(1))));
  EXPECT_THAT(looked_at, ::testing::ElementsAre(502, 500, 100));
  EXPECT_TRUE(wait(reader().tagged({2, 699}, tag))->found.empty());
  tag.back() = 'u';
  EXPECT_TRUE(wait(reader().tagged({1, 1100}, tag))->found.empty());
}

TEST_F(ProvingTest, GivesNoProofThatDoesNotHold) {
  const std::uint64_t number = numbers_.at(5);
  const auto broken_by = [&](const std::string& attack) {
    superuser(
        "CREATE SCHEMA saved; CREATE TABLE saved.b AS TABLE audit_batches; CREATE TABLE saved.n AS TABLE "
        "audit_nodes; "
        "CREATE TABLE saved.s AS TABLE audit_seals");
    superuser(attack);
    const auto proof = prove(number);
    superuser(
        "TRUNCATE audit_batches, audit_nodes, audit_seals; INSERT INTO audit_batches TABLE saved.b; "
        "INSERT INTO audit_nodes TABLE saved.n; INSERT INTO audit_seals TABLE saved.s; "
        "DROP TABLE saved.b, saved.n, saved.s; DROP SCHEMA saved");
    return proof ? "a proof"
                 : std::string(proof.error().kind == Error::kBroken ? "" : "another error: ") +
                       (proof.error().kind == Error::kBroken ? "" : proof.error().detail);
  };
  const std::string batch = std::to_string(batch_of_number(number));
  const std::string last = std::to_string(batch_of_number(numbers_.back()));
  EXPECT_EQ(broken_by("UPDATE audit_batches SET entries = set_byte(entries, octet_length(entries) - 1, "
                      "get_byte(entries, octet_length(entries) - 1) # 1)"),
            "");
  EXPECT_EQ(
      broken_by("UPDATE audit_nodes SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE index = 2"),
      "");
  EXPECT_EQ(broken_by("DELETE FROM audit_nodes WHERE index = 1"), "");
  EXPECT_EQ(broken_by("UPDATE audit_nodes SET hash = '\\x00' WHERE index = 1"), "");
  EXPECT_EQ(broken_by("DELETE FROM audit_batches WHERE batch = " + last), "");
  EXPECT_EQ(broken_by("DELETE FROM audit_seals WHERE " + last + " = ANY (batches)"), "");
  EXPECT_EQ(
      broken_by("UPDATE audit_seals SET counts = array_append(counts, 1) WHERE " + last + " = ANY (batches)"),
      "");
  EXPECT_EQ(broken_by("SELECT 1"), "a proof");
}

}  // namespace
}  // namespace storagepool::evidence
