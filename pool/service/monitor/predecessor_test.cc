#include "pool/service/monitor/predecessor.h"

#include <string>
#include <utility>
#include <vector>

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

using Row = std::vector<std::optional<std::string>>;

tl::expected<PodSessions, std::string> parsed(std::vector<Row> rows) {
  return parse_sessions({.columns = {}, .rows = std::move(rows), .affected_rows = 0});
}

TEST(ParseSessions, TakesACountForEachPod) {
  const auto sessions = parsed({{"audit-2.1a2b3c4d", "9", "7"}, {"audit-0.1a2b3c4d", "4", "0"}});
  ASSERT_TRUE(sessions);
  EXPECT_EQ(sessions->predecessor, 7);
  EXPECT_THAT(sessions->by_pod.value(),
              ::testing::UnorderedElementsAre(::testing::Pair("audit-0", 4), ::testing::Pair("audit-2", 9)));
  for (const char* count : {"-1", "seven"}) {
    EXPECT_FALSE(parsed({{"audit-0.1a2b3c4d", "4", count}}));
    EXPECT_FALSE(parsed({{"audit-0.1a2b3c4d", count, "0"}}));
  }
  EXPECT_FALSE(parsed({{"audit-0.1a2b3c4d", std::nullopt, "0"}}));
  EXPECT_FALSE(parsed({{"audit-0.1a2b3c4d"}}));
}

TEST(ParseSessions, OfTooManyPodsTellsNone) {
  std::vector<Row> rows;
  for (int i = 0; i < 201; ++i) rows.push_back({"audit-" + std::to_string(i) + ".1a2b3c4d", "1", "1"});
  EXPECT_FALSE(parsed(rows).value().by_pod);
  rows.pop_back();
  EXPECT_EQ(parsed(rows).value().by_pod.value().size(), 200U);
  EXPECT_EQ(parsed(rows).value().predecessor, 200);
}

}  // namespace
}  // namespace storagepool::service
