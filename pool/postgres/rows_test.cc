#include "pool/postgres/rows.h"

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <libpq-fe.h>

namespace storagepool::postgres {
namespace {

using namespace std::string_view_literals;

using Texts = std::vector<std::optional<std::string>>;

PGresult* result_of(std::vector<Texts> rows) {
  PGresult* const result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  std::string name = "column";
  PGresAttDesc column{name.data(), 0, 0, 1, 25, -1, -1};
  PGresAttDesc columns[] = {column, column};
  PQsetResultAttrs(result, 2, columns);
  for (int row = 0; row < static_cast<int>(rows.size()); ++row) {
    for (int at = 0; at < 2; ++at) {
      auto& text = rows[static_cast<std::size_t>(row)][static_cast<std::size_t>(at)];
      PQsetvalue(result, row, at, text ? text->data() : nullptr, text ? static_cast<int>(text->size()) : -1);
    }
  }
  return result;
}

const Texts kFirst{std::string("a\0b", 3), std::nullopt};
const Texts kSecond{"", "a"};

Rows two_by_two() {
  Rows rows;
  rows.add(result_of({kFirst, kSecond}));
  return rows;
}

Rows one_by_one() {
  Rows rows;
  rows.add(result_of({kFirst}));
  rows.add(result_of({kSecond}));
  return rows;
}

class RowsTest : public ::testing::TestWithParam<Rows (*)()> {};
INSTANTIATE_TEST_SUITE_P(AtOnceAndOneByOne, RowsTest, ::testing::Values(&two_by_two, &one_by_one));

TEST_P(RowsTest, AreReadWhereTheyLie) {
  const Rows rows = GetParam()();
  EXPECT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows.at(0, 0), "a\0b"sv);
  EXPECT_EQ(rows.at(0, 1), std::nullopt);
  EXPECT_EQ(rows.at(1, 0), ""sv);
  EXPECT_EQ(rows.from(1, 0), (std::vector<Rows::Value>{"", "a"}));
  EXPECT_EQ(rows.from(0, 1), (std::vector<Rows::Value>{std::nullopt}));
}

TEST_P(RowsTest, HaveNothingElse) {
  const Rows rows = GetParam()();
  EXPECT_EQ(rows.at(2, 0), std::nullopt);
  EXPECT_EQ(rows.at(0, 2), std::nullopt);
  EXPECT_TRUE(rows.from(2, 0).empty());
  EXPECT_TRUE(rows.from(0, 2).empty());
  EXPECT_EQ(Rows().size(), 0U);
  EXPECT_EQ(Rows().at(0, 0), std::nullopt);
}

TEST_P(RowsTest, AreDroppedOneAfterTheOther) {
  Rows rows = GetParam()();
  rows.drop(0);
  EXPECT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows.at(1, 1), "a"sv);
}

TEST(RowsOneByOne, AreFreedWhenTheyAreDropped) {
  Rows rows = one_by_one();
  rows.drop(0);
  EXPECT_EQ(rows.at(0, 0), std::nullopt);
  EXPECT_TRUE(rows.from(0, 0).empty());
}

TEST(ReadIntegerTest, ReadsEachWidthAndItsSign) {
  EXPECT_EQ(read_integer("\x01\x02"sv), 258);
  EXPECT_EQ(read_integer("\xff\xfe"sv), -2);
  EXPECT_EQ(read_integer("\x00\x00\x09\xfb"sv), 2555);
  EXPECT_EQ(read_integer("\xff\xff\xff\xfb"sv), -5);
  EXPECT_EQ(read_integer("\x7f\xff\xff\xff\xff\xff\xff\xff"sv), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(read_integer("\x80\x00\x00\x00\x00\x00\x00\x00"sv), std::numeric_limits<std::int64_t>::min());
}

TEST(ReadIntegerTest, RefusesOtherWidths) {
  for (const std::string_view bytes : {""sv, "1"sv, "123"sv, "12345"sv, "123456789"sv})
    EXPECT_EQ(read_integer(bytes), std::nullopt) << bytes;
}

}  // namespace
}  // namespace storagepool::postgres
