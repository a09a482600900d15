#include "pool/reading/windows.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::reading {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

runtime::Timestamp at(const std::string& date) {
  return *runtime::parse_timestamp(date + "T00:00:00Z");
}

constexpr Months kTwoYears{.oldest = 2020y / 1, .newest = 2021y / 12};

TEST(WindowsTest, AreOneWhereMonthsAreFew) {
  EXPECT_THAT(windows_of({}, std::nullopt), ElementsAre(Window{}));
  EXPECT_THAT(windows_of({}, Months{2020y / 1, 2020y / 8}), ElementsAre(Window{}));
}

TEST(WindowsTest, CoverAllOfTimeTheNewestFirst) {
  EXPECT_THAT(windows_of({}, Months{2020y / 1, 2020y / 9}),
              ElementsAre(Window{.from = at("2020-02-01")}, Window{.until = at("2020-02-01")}));
  EXPECT_THAT(windows_of({}, kTwoYears),
              ElementsAre(Window{.from = at("2021-05-01")},
                          Window{.from = at("2020-09-01"), .until = at("2021-05-01")},
                          Window{.until = at("2020-09-01")}));
}

TEST(WindowsTest, OfAListFromTheOldestComeTheOldestFirst) {
  EXPECT_THAT(windows_of({.oldest_first = true}, Months{2020y / 1, 2020y / 9}),
              ElementsAre(Window{.until = at("2020-02-01")}, Window{.from = at("2020-02-01")}));
  EXPECT_THAT(windows_of({.cursor = Cursor{at("2021-03-15"), {}}, .oldest_first = true}, kTwoYears),
              ElementsAre(Window{.until = at("2021-05-01")}, Window{.from = at("2021-05-01")}));
  EXPECT_THAT(windows_of({.cursor = Cursor{at("2021-05-15"), {}}, .oldest_first = true}, kTwoYears),
              ElementsAre(Window{}));
}

TEST(WindowsTest, CoverWhatTheQueryAsksFor) {
  EXPECT_THAT(windows_of({.since = at("2021-05-01")}, kTwoYears), ElementsAre(Window{}));
  EXPECT_THAT(windows_of({.until = at("2020-08-31")}, kTwoYears), ElementsAre(Window{}));
  EXPECT_THAT(windows_of({.since = at("2020-03-31"), .until = at("2020-11-01")}, kTwoYears),
              ElementsAre(Window{.from = at("2020-04-01")}, Window{.until = at("2020-04-01")}));
  EXPECT_THAT(windows_of({.cursor = Cursor{at("2020-09-15"), {}}}, kTwoYears),
              ElementsAre(Window{.from = at("2020-02-01")}, Window{.until = at("2020-02-01")}));
  // Where there are no months.
  EXPECT_THAT(windows_of({.since = at("2030-01-01")}, kTwoYears), ElementsAre(Window{}));
  EXPECT_THAT(windows_of({.until = at("2010-01-01")}, kTwoYears), ElementsAre(Window{}));
}

}  // namespace
}  // namespace storagepool::reading
