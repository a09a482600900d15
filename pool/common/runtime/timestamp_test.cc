#include "pool/common/runtime/timestamp.h"

#include <gtest/gtest.h>

namespace storagepool::runtime {
namespace {

std::string normal(std::string_view text) {
  const auto time = parse_timestamp(text);
  return time ? format_timestamp(*time) : "refused";
}

TEST(ParseTimestamp, TakesEveryOffsetToUtc) {
  EXPECT_EQ(normal("2026-02-28T11:22:33Z"), "2026-02-28T11:22:33Z");
  EXPECT_EQ(normal("2026-02-28t11:22:33z"), "2026-02-28T11:22:33Z");
  EXPECT_EQ(normal("2026-03-01T00:30:00+02:00"), "2026-02-28T22:30:00Z");
  EXPECT_EQ(normal("2025-12-31T23:59:59-05:30"), "2026-01-01T05:29:59Z");
  EXPECT_EQ(normal("2026-02-28T11:22:33-00:00"), "2026-02-28T11:22:33Z");
  EXPECT_EQ(normal("2024-02-29T12:00:00Z"), "2024-02-29T12:00:00Z");
}

TEST(ParseTimestamp, KeepsMicrosecondsAndTrimsZeros) {
  EXPECT_EQ(normal("2026-02-28T11:22:33.123456789Z"), "2026-02-28T11:22:33.123456Z");
  EXPECT_EQ(normal("2026-02-28T11:22:33.999999999Z"), "2026-02-28T11:22:33.999999Z");
  EXPECT_EQ(normal("2026-02-28T11:22:33.1200Z"), "2026-02-28T11:22:33.12Z");
  EXPECT_EQ(normal("2026-02-28T11:22:33.000001Z"), "2026-02-28T11:22:33.000001Z");
  EXPECT_EQ(normal("2026-02-28T11:22:33.000000000Z"), "2026-02-28T11:22:33Z");
}

TEST(ParseTimestamp, ReadsALeapSecondAsTheNextMinute) {
  EXPECT_EQ(normal("2016-12-31T23:59:60.5Z"), "2017-01-01T00:00:00Z");
}

TEST(ParseTimestamp, RefusesAnythingElse) {
  for (const char* bad : {"",
                          "yesterday",
                          "2026-02-28",
                          "2026-02-28T11:22Z",
                          "2026-02-28 11:22:33Z",
                          "2026-02-28T11:22:33",
                          "2026-02-30T11:22:33Z",
                          "2025-02-29T11:22:33Z",
                          "2026-13-01T11:22:33Z",
                          "2026-02-28T24:00:00Z",
                          "2026-02-28T11:60:00Z",
                          "2026-02-28T11:22:61Z",
                          "2026-02-28T11:22:33.Z",
                          "2026-02-28T11:22:33.1234567891Z",
                          "2026-02-28T11:22:33+0200",
                          "2026-02-28T11:22:33+24:00",
                          "2026-02-28T11:22:33ZZ",
                          "2026-02-28T11:22:33+02:00 ",
                          "0000-01-01T00:00:00Z",
                          "0001-01-01T00:00:00+01:00",
                          "9999-12-31T23:59:59-01:00",
                          "12026-02-28T11:22:33Z"}) {
    EXPECT_FALSE(parse_timestamp(bad)) << bad;
  }
}

TEST(ParseDate, TakesRealDaysOnly) {
  EXPECT_EQ(format_date(*parse_date("2024-02-29")), "2024-02-29");
  EXPECT_EQ(format_date(*parse_date("0001-01-01")), "0001-01-01");
  for (const char* bad :
       {"", "2025-02-29", "2026-1-2", "2026-02-28T00:00:00Z", "2026-02-31", " 2026-02-28"}) {
    EXPECT_FALSE(parse_date(bad)) << bad;
  }
}

TEST(FormatTimestamp, HasAFormForAnswersAndDates) {
  const auto time = *parse_timestamp("2026-02-28T11:22:33.5Z");
  EXPECT_EQ(format_seconds(time), "2026-02-28T11:22:33Z");
  EXPECT_EQ(format_date(date_of(time)), "2026-02-28");
  EXPECT_EQ(format_date(date_of(*parse_timestamp("1969-12-31T23:59:59.9Z"))), "1969-12-31");
}

TEST(FormatMicroseconds, AlwaysHasSixDigits) {
  EXPECT_EQ(format_microseconds(*parse_timestamp("2026-02-28T11:22:33.1234Z")),
            "2026-02-28T11:22:33.123400Z");
  EXPECT_EQ(format_microseconds(*parse_timestamp("2026-02-28T11:22:33Z")), "2026-02-28T11:22:33.000000Z");
  EXPECT_EQ(format_microseconds(*parse_timestamp("1969-12-31T23:59:59.9Z")), "1969-12-31T23:59:59.900000Z");
}

}  // namespace
}  // namespace storagepool::runtime
