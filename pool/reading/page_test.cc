#include "pool/reading/page.h"

#include <vector>

#include <gtest/gtest.h>

#include "pool/event/serialize.h"
#include "pool/event/testing/smallest_event.h"

namespace storagepool::reading {
namespace {

event::Event smallest() {
  return event::testing::smallest_event("0190a6e2-9b7c-7def-8123-456789abcdef", "2026-02-28T23:59:59.120Z");
}

TEST(PageToJson, WrapsDataAndPagination) {
  EXPECT_EQ(to_json(std::vector<event::Event>{}, {.limit = 50, .offset = 0, .total = 0}),
            R"({"data":[],"pagination":{"limit":50,"offset":0,"total":0,"has_more":false}})");
  const std::vector<event::Event> two{smallest(), smallest()};
  EXPECT_EQ(to_json(two, {.limit = 2, .offset = 4, .total = 9, .has_more = true}),
            "{\"data\":[" + event::to_json(two[0]) + "," + event::to_json(two[1]) +
                R"(],"pagination":{"limit":2,"offset":4,"total":9,"has_more":true}})");
}

TEST(PageToJson, SaysWhenTheTotalIsAMinimum) {
  EXPECT_EQ(
      to_json(std::vector<event::Event>{},
              {.limit = 5, .offset = 0, .total = 10'000, .total_is_minimum = true, .has_more = true}),
      R"({"data":[],"pagination":{"limit":5,"offset":0,"total":10000,"total_is_minimum":true,"has_more":true}})");
}

TEST(PageToJson, LeadsToTheNextPage) {
  EXPECT_EQ(to_json(std::vector<event::Event>{}, {.limit = 5, .has_more = true, .next = "AZ-_"}),
            R"({"data":[],"pagination":{"limit":5,"has_more":true,"next":"AZ-_"}})");
}

}  // namespace
}  // namespace storagepool::reading
