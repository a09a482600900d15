#include "pool/service/predecessor.h"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

settings::Settings granted_of(std::int64_t limit) {
  return *settings::resolve({{"maxOpenConns", limit}, {"maxIdleConns", limit}, {"connectTimeout", 3000}});
}

using Limits = std::pair<std::int64_t, std::int64_t>;

Limits limits(const settings::Settings& settings) {
  return {settings.max_open_conns, settings.max_idle_conns};
}

TEST(Predecessor, OfAPodWithoutANameIsNone) {
  const Predecessor none("");
  EXPECT_FALSE(none.possible());
  EXPECT_EQ(none.application_name(), "");
  EXPECT_EQ(none.leave_room(granted_of(15)), granted_of(15));
}

TEST(Predecessor, IsToldApartByItsInstance) {
  const Predecessor one("audit-2.1a2b3c4d");
  EXPECT_THAT(one.application_name(), ::testing::MatchesRegex("audit-2.1a2b3c4d#[0-9a-f]{8}"));
  EXPECT_NE(one.application_name(), Predecessor("audit-2.1a2b3c4d").application_name());
}

TEST(Predecessor, OfALongNameTheEndCounts) {
  const Predecessor one(std::string(60, 'a') + "-2.1a2b3c4d");
  EXPECT_EQ(one.application_name().size(), 63u);
  EXPECT_THAT(one.application_name(), ::testing::HasSubstr("a-2.1a2b3c4d#"));
}

TEST(Predecessor, LeavesOneConnectionUntilItIsKnown) {
  const Predecessor one("audit-2");
  EXPECT_EQ(limits(one.leave_room(granted_of(15))), Limits(1, 1)) << "what depends on the limit is within it";
  EXPECT_EQ(one.connections(), 0);
}

TEST(Predecessor, IsTakenOffTheLimit) {
  Predecessor one("audit-2");
  EXPECT_TRUE(one.seen(6));
  EXPECT_FALSE(one.seen(6));
  EXPECT_EQ(one.connections(), 6);
  EXPECT_EQ(limits(one.leave_room(granted_of(15))), Limits(9, 9));
  EXPECT_EQ(limits(one.leave_room(granted_of(6))), Limits(1, 1));
  EXPECT_EQ(limits(one.leave_room(granted_of(2))), Limits(1, 1));
  EXPECT_TRUE(one.seen(0));
  EXPECT_EQ(one.leave_room(granted_of(15)), granted_of(15));
}

TEST(ParsePredecessor, TakesOneCount) {
  const auto result = [](std::optional<std::string> text) {
    return postgres::Result{.columns = {}, .rows = {{std::move(text)}}, .affected_rows = 0};
  };
  EXPECT_EQ(parse_predecessor(result("7")), 7);
  EXPECT_FALSE(parse_predecessor(result("-1")));
  EXPECT_FALSE(parse_predecessor(result("seven")));
  EXPECT_FALSE(parse_predecessor(result(std::nullopt)));
  EXPECT_FALSE(parse_predecessor({}));
}

}  // namespace
}  // namespace storagepool::service
