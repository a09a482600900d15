#include "e2e/chaos/fault_result.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

FaultResult good() {
  return {.title = "PostgreSQL killed",
          .stored = 900,
          .journalled = 40,
          .errors = {{0, 2}, {503, 1}},
          .most_backends = 30,
          .usable = 47,
          .within = true,
          .stored_again = 1.25,
          .well_again = 3};
}

TEST(FaultResultTest, IsHeldWhenNothingIsMissing) {
  EXPECT_TRUE(held(good()));
  EXPECT_EQ(fault_row(good()),
            "| PostgreSQL killed | held | 900, 40 | 0 | 0 | 30 of 47 | 2 × no answer, 1 × 503 | 1.2 s | 3.0 "
            "s | no |\n");
}

TEST(FaultResultTest, IsBrokenByEachOfItsParts) {
  const auto broken = [](auto change) {
    FaultResult result = good();
    change(result);
    EXPECT_THAT(fault_row(result), HasSubstr(" | **broken** | "));
    return !held(result);
  };
  EXPECT_TRUE(broken([](FaultResult& result) { result.stored = 0; }));
  EXPECT_TRUE(broken([](FaultResult& result) { result.lost = 1; }));
  EXPECT_TRUE(broken([](FaultResult& result) { result.doubled = 1; }));
  EXPECT_TRUE(broken([](FaultResult& result) { result.within = false; }));
  EXPECT_TRUE(broken([](FaultResult& result) { result.errors[500] = 1; }));
  EXPECT_TRUE(broken([](FaultResult& result) { result.stored_again.reset(); }));
  EXPECT_TRUE(broken([](FaultResult& result) { result.well_again.reset(); }));
}

TEST(FaultResultTest, SaysWhoHadToAct) {
  FaultResult result = good();
  result.well_again.reset();
  result.lost = 3;
  EXPECT_THAT(fault_row(result), HasSubstr("| **3** | 0 |"));
  EXPECT_THAT(fault_row(result), HasSubstr("| **never** | **yes** |"));
  EXPECT_THAT(fault_row(good()), Not(HasSubstr("**")));
}

TEST(FaultResultTest, KnowsWhichAnswersAFaultExplains) {
  FaultResult result = good();
  result.errors = {{0, 1}, {401, 4}, {429, 2}, {503, 3}};
  EXPECT_FALSE(held(result));
  EXPECT_THAT(fault_row(result), HasSubstr(" | 1 × no answer, **4 × 401**, 2 × 429, 3 × 503 | "));
  result.refusals = {401};
  EXPECT_TRUE(held(result));
  EXPECT_THAT(fault_row(result), HasSubstr(" | 1 × no answer, 4 × 401, 2 × 429, 3 × 503 | "));
}

TEST(FaultResultTest, EachRowHasTheColumnsOfTheTable) {
  const auto columns = [](const std::string& line) { return std::ranges::count(line, '|'); };
  const std::string table = fault_table();
  EXPECT_EQ(columns(fault_row(good())), columns(table.substr(0, table.find('\n'))));
}

}  // namespace
}  // namespace storagepool::e2e
