#include "pool/tables/partitions.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::tables {
namespace {

using std::chrono::year_month;
using testing::ElementsAre;
using testing::IsEmpty;
using Names = std::vector<std::string>;

runtime::Timestamp at(const char* text) {
  return *runtime::parse_timestamp(text);
}

Names names(const std::vector<year_month>& months) {
  Names result;
  for (const year_month month : months) result.push_back(partition_name(month).substr(13));
  return result;
}

// Partitions of our making, named as in "y2026m11".
std::vector<Partition> ours(const Names& months) {
  std::vector<Partition> result;
  for (const std::string& name : months) {
    const year_month month = std::chrono::year(std::stoi(name.substr(1, 4))) /
                             std::chrono::month(static_cast<unsigned>(std::stoi(name.substr(6))));
    const auto [from, until] = bounds_of(month);
    result.push_back({"audit_events_" + name, from, until});
  }
  return result;
}

Names created(const char* now, const std::vector<Partition>& existing = {},
              const PartitionSettings& settings = {}) {
  return names(plan_partitions(at(now), existing, settings).create);
}

Names droppable(const char* now, const std::vector<Partition>& existing) {
  return names(plan_partitions(at(now), existing).droppable);
}

TEST(PlanPartitions, MakesTheMonthBeforeThisOneAndThreeAhead) {
  EXPECT_THAT(created("2026-06-15T12:00:00Z"),
              ElementsAre("y2026m05", "y2026m06", "y2026m07", "y2026m08", "y2026m09"));
}

TEST(PlanPartitions, KnowsTheEndOfAYear) {
  EXPECT_THAT(created("2026-12-31T23:59:59.999999Z"),
              ElementsAre("y2026m11", "y2026m12", "y2027m01", "y2027m02", "y2027m03"));
  EXPECT_THAT(created("2027-01-01T00:00:00Z"),
              ElementsAre("y2026m12", "y2027m01", "y2027m02", "y2027m03", "y2027m04"));
}

TEST(PlanPartitions, MakesOnlyWhatIsMissing) {
  EXPECT_THAT(created("2026-06-15T12:00:00Z", ours({"y2026m05", "y2026m06", "y2026m07", "y2026m08"})),
              ElementsAre("y2026m09"));
  EXPECT_THAT(
      created("2026-06-15T12:00:00Z", ours({"y2026m05", "y2026m06", "y2026m07", "y2026m08", "y2026m09"})),
      IsEmpty());
  EXPECT_THAT(created("2026-06-15T12:00:00Z", ours({"y2026m05", "y2026m07", "y2026m09", "y2026m11"})),
              ElementsAre("y2026m06", "y2026m08"));
}

TEST(PlanPartitions, FollowsItsSettings) {
  const PartitionSettings settings{.oldest_event = std::chrono::hours{24 * 70}, .months_ahead = 1};
  EXPECT_THAT(created("2026-06-15T12:00:00Z", {}, settings),
              ElementsAre("y2026m04", "y2026m05", "y2026m06", "y2026m07"));
}

TEST(PlanPartitions, MakesNothingThatReachesIntoAPartitionOfOthers) {
  const auto quarter = [](std::optional<runtime::Timestamp> from, std::optional<runtime::Timestamp> until) {
    return std::vector<Partition>{{"by_hand", from, until}};
  };
  const char* const now = "2026-06-15T12:00:00Z";
  EXPECT_THAT(created(now, quarter(at("2026-04-01T00:00:00Z"), at("2026-07-01T00:00:00Z"))),
              ElementsAre("y2026m07", "y2026m08", "y2026m09"));
  EXPECT_THAT(created(now, quarter(at("2026-07-31T23:00:00Z"), at("2026-08-01T00:00:00.000001Z"))),
              ElementsAre("y2026m05", "y2026m06", "y2026m09"));
  EXPECT_THAT(created(now, quarter(std::nullopt, at("2026-06-01T00:00:00Z"))),
              ElementsAre("y2026m06", "y2026m07", "y2026m08", "y2026m09"));
  EXPECT_THAT(created(now, quarter(at("2026-06-01T00:00:00Z"), std::nullopt)), ElementsAre("y2026m05"));
  EXPECT_THAT(created(now, quarter(std::nullopt, std::nullopt)), IsEmpty());
}

TEST(PlanPartitions, DropsNoMonthThatItWouldMake) {
  const auto existing = ours({"y2026m03", "y2026m01", "y2026m04", "y2026m02"});
  EXPECT_THAT(droppable("2026-03-31T23:59:59.999999Z", existing), ElementsAre("y2026m01"));
  EXPECT_THAT(droppable("2026-04-01T00:00:00Z", existing), ElementsAre("y2026m01", "y2026m02"));
  EXPECT_THAT(droppable("2026-02-28T00:00:00Z", existing), IsEmpty());
  EXPECT_THAT(droppable("2020-01-01T00:00:00Z", existing), IsEmpty());  // a clock that is behind
}

TEST(PlanPartitions, DropsOnlyMonthsOfItsOwn) {
  const auto [from, until] = bounds_of(std::chrono::year{2020} / std::chrono::February);
  const auto day = std::chrono::days{1};
  EXPECT_THAT(droppable("2026-06-15T12:00:00Z", {{"audit_events_y2020m02", from, until}}),
              ElementsAre("y2020m02"));
  for (const Partition& other :
       {Partition{"audit_events_y2020m03", from, until}, Partition{"february", from, until},
        Partition{"audit_events_y2020m02", from, until + day},
        Partition{"audit_events_y2020m02", from + day, until},
        Partition{"audit_events_y2020m02", std::nullopt, until},
        Partition{"audit_events_y2020m02", from, std::nullopt}}) {
    EXPECT_THAT(droppable("2026-06-15T12:00:00Z", {other}), IsEmpty()) << other.name;
  }
}

TEST(BoundsOf, IsFromTheFirstMomentOfAMonthToThatOfTheNext) {
  const auto bounds = [](int year, unsigned month) {
    const auto [from, until] = bounds_of(std::chrono::year{year} / std::chrono::month{month});
    return runtime::format_timestamp(from) + " " + runtime::format_timestamp(until);
  };
  EXPECT_EQ(bounds(2024, 2), "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z");
  EXPECT_EQ(bounds(2026, 12), "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z");
}

TEST(PartitionName, SortsByTime) {
  EXPECT_EQ(partition_name(std::chrono::year{2026} / std::chrono::November), "audit_events_y2026m11");
  EXPECT_EQ(partition_name(std::chrono::year{2027} / std::chrono::February), "audit_events_y2027m02");
}

}  // namespace
}  // namespace storagepool::tables
