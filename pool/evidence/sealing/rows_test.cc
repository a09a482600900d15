#include "pool/evidence/sealing/rows.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/evidence/proving/columns.h"
#include "pool/evidence/sealing/testing/batches.h"
#include "pool/postgres/testing/rows.h"

namespace storagepool::evidence {
namespace {

using ::testing::ElementsAre;
using testing::entry;

postgres::Result result_of(std::vector<Row> rows) {
  postgres::Result result;
  result.rows = std::move(rows);
  return result;
}

Row facts_row() {
  return {"75",
          "2",
          "3",
          "70",
          testing::kOrigin,
          "1",
          "2",
          "60",
          "5",
          "1",
          std::string(64, 'a'),
          "0",
          std::nullopt,
          "70",
          std::string(32, 'b')};
}

TEST(Rows, OfAStateAreRead) {
  const auto facts = read_facts(result_of({facts_row()}));
  ASSERT_TRUE(facts) << facts.error();
  EXPECT_EQ(facts->next_tx, 75U);
  EXPECT_EQ(facts->incarnation, 2);
  EXPECT_EQ(facts->sealed, 3U);
  ASSERT_TRUE(facts->row);
  EXPECT_EQ(facts->row->fault, "");
  EXPECT_EQ(facts->row->xmin, 70U);
  EXPECT_EQ(facts->row->state.last, (BatchPlace{60, 5}));
  EXPECT_EQ(facts->row->state.size(), 1U);
  EXPECT_EQ(facts->row->state.written_by, 70U);
  EXPECT_EQ(facts->row->mac, std::string(16, '\xBB'));
  const auto none = read_facts(result_of({Row{
      "75", "1", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
      std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt}}));
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->row);
  EXPECT_EQ(none->sealed, 0U);
}

TEST(Rows, OfAStateThatCannotBeReadSayWhy) {
  const auto faulty = [](std::size_t column, std::optional<std::string> value) {
    Row row = facts_row();
    row[column] = std::move(value);
    const auto facts = read_facts(result_of({row}));
    return facts && facts->row && !facts->row->fault.empty();
  };
  EXPECT_FALSE(faulty(12, "published"));
  for (const std::size_t column : {4U, 5U, 6U, 7U, 8U, 9U, 10U, 11U, 13U, 14U}) {
    EXPECT_EQ(faulty(column, ""), column != 14) << column;
    EXPECT_TRUE(faulty(column, "a\nb")) << column;
    EXPECT_TRUE(faulty(column, std::nullopt)) << column;
  }
  EXPECT_TRUE(faulty(9, "-1"));
  EXPECT_TRUE(faulty(9, "9223372036854775808"));
  EXPECT_TRUE(faulty(9, "3"));
  for (const std::size_t column : {0U, 1U}) {
    Row row = facts_row();
    row[column].reset();
    EXPECT_FALSE(read_facts(result_of({row}))) << column;
  }
  EXPECT_FALSE(read_facts({}));
}

using testing::big_endian;

Row batch_row(std::optional<std::string> kept = std::nullopt) {
  return {
      big_endian(80, 8), "\1",     std::nullopt, big_endian(7, 8),     big_endian(9, 8),    big_endian(1, 4),
      std::move(kept),   entry(1), "ab",         std::string(1, '\0'), std::string(1, '\0')};
}

tl::expected<Batches, std::string> batches_of(const std::vector<Row>& rows) {
  return read_batches(postgres::testing::rows_of(rows), {});
}

TEST(Rows, OfBatchesAreRead) {
  Row last = batch_row("{1,20}");
  last[9] = "\1";
  const auto batches = batches_of({batch_row(), last});
  ASSERT_TRUE(batches) << batches.error();
  EXPECT_EQ(batches->cut, 80U);
  EXPECT_TRUE(batches->waiting);
  EXPECT_FALSE(batches->future);
  ASSERT_EQ(batches->size, 2U);
  const Batch first = batches->at(0);
  EXPECT_EQ(first.fault, "");
  EXPECT_EQ(first.at, (BatchPlace{7, 9}));
  EXPECT_EQ(first.events, 1);
  EXPECT_EQ(first.entries, entry(1));
  EXPECT_EQ(first.mac, "ab");
  EXPECT_FALSE(first.kept);
  EXPECT_FALSE(first.sealed_before);
  EXPECT_THAT(batches->at(1).kept.value(), ElementsAre(1, 20));
  EXPECT_TRUE(batches->at(1).sealed_before);
  Row none(11);
  none[0] = big_endian(80, 8);
  none[1] = std::string(1, '\0');
  none[2] = big_endian(77, 8);
  const auto nothing = batches_of({none});
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(nothing->waiting);
  EXPECT_EQ(nothing->size, 0U);
  EXPECT_EQ(nothing->future, 77);
  EXPECT_FALSE(batches_of({}));
}

TEST(Rows, OfBatchesThatCannotBeReadSayWhy) {
  for (const char* kept : {"{1,NULL}", "{{1},{2}}", ""}) {
    EXPECT_NE(batches_of({batch_row(kept)})->at(0).fault, "") << kept;
  }
  for (const std::size_t column : {4U, 5U, 7U}) {
    Row row = batch_row();
    row[column].reset();
    EXPECT_NE(batches_of({row})->at(0).fault, "") << column;
  }
  for (const auto& [column, value] : {std::pair{3U, "x"}, {4U, "123"}, {5U, ""}, {10U, "\1"}}) {
    Row row = batch_row();
    row[column] = value;
    EXPECT_NE(batches_of({row})->at(0).fault, "") << column;
  }
}

TEST(Rows, TellWhenMoreIsLeftThanWasWanted) {
  const auto of = [](std::size_t rows, std::size_t entries) {
    Row row = batch_row();
    row[7] = std::string(entries * kEntryBytes, '0');
    return batches_of(std::vector<Row>(rows, row))->more;
  };
  constexpr std::size_t kMost = kMaxReadBytes / kEntryBytes;
  EXPECT_FALSE(of(kMaxReadBatches - 1, 1));
  EXPECT_TRUE(of(kMaxReadBatches, 1));
  EXPECT_FALSE(of(1, kMost));
  EXPECT_TRUE(of(2, kMost));
}

TEST(Rows, OfASealAreWritten) {
  Sealed sealed;
  sealed.seal = {.first_seq = 1, .size = 5, .batches = {9, 8}, .counts = {2, 3}, .lo = 8, .hi = 9};
  sealed.nodes.push_back({.level = 1, .index = 3});
  sealed.expiry.push_back({.month = *runtime::parse_date("2026-02-01"),
                           .expires = *runtime::parse_date("2033-02-26"),
                           .events = 5,
                           .first_seq = 1,
                           .last_seq = 5});
  std::vector<std::string> texts;
  for (const postgres::Parameter& parameter : seal_parameters(sealed))
    texts.push_back(parameter.value().value_or("NULL"));
  EXPECT_THAT(
      texts, ElementsAre("1", "5", "{9,8}", "{2,3}", "8", "9", "{1}", "{3}", "{" + std::string(64, '0') + "}",
                         "{2026-02-01}", "{2033-02-26}", "{5}", "{1}", "{5}"));
}

}  // namespace
}  // namespace storagepool::evidence
