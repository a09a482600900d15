#include "pool/reading/page.h"

#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/event/serialize.h"
#include "pool/event/testing/smallest_event.h"

namespace storagepool::reading {
namespace {

event::Event smallest() {
  return event::testing::smallest_event("0190a6e2-9b7c-7def-8123-456789abcdef", "2026-02-28T23:59:59.120Z");
}

std::string joined(const std::vector<std::string>& pieces) {
  return std::accumulate(pieces.begin(), pieces.end(), std::string());
}
std::string empty_page(const Pagination& pagination) {
  return joined(to_json(Page{{}, pagination}));
}

TEST(PageToJson, WrapsDataAndPagination) {
  EXPECT_EQ(empty_page({.limit = 50, .offset = 0, .total = 0}),
            R"({"data":[],"pagination":{"limit":50,"offset":0,"total":0,"has_more":false}})");
  const std::vector<event::Event> two{smallest(), smallest()};
  EXPECT_EQ(joined(to_json({two, {.limit = 2, .offset = 4, .total = 9, .has_more = true}})),
            "{\"data\":[" + event::to_json(two[0]) + "," + event::to_json(two[1]) +
                R"(],"pagination":{"limit":2,"offset":4,"total":9,"has_more":true}})");
}

TEST(PageToJson, SaysWhenTheTotalIsAMinimum) {
  EXPECT_EQ(
      empty_page({.limit = 5, .offset = 0, .total = 10'000, .total_is_minimum = true, .has_more = true}),
      R"({"data":[],"pagination":{"limit":5,"offset":0,"total":10000,"total_is_exact":false,"total_is_minimum":true,"has_more":true}})");
}

TEST(PageToJson, LeadsToTheNextPage) {
  EXPECT_EQ(empty_page({.limit = 5, .has_more = true, .next = "AZ-_"}),
            R"({"data":[],"pagination":{"limit":5,"has_more":true,"next":"AZ-_"}})");
}

TEST(PageToJson, ALargePageComesInPieces) {
  event::Event large = smallest();
  large.event_data = R"({"x":")" + std::string(100'000, 'x') + R"("})";
  const std::vector<event::Event> many(50, large);
  const auto pieces = to_json({many, {.limit = 50}});
  EXPECT_GT(pieces.size(), 10U);
  std::string expected = "{\"data\":[";
  for (const event::Event& event : many) expected += event::to_json(event) + ",";
  expected.back() = ']';
  EXPECT_EQ(joined(pieces), expected + R"(,"pagination":{"limit":50,"has_more":false}})");
  for (const std::string& piece : pieces) EXPECT_LT(piece.size(), 400'000U);
}

}  // namespace
}  // namespace storagepool::reading
