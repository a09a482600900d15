#include "pool/tables/indexes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::tables {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = PartitionIndex::State;

const std::string kMarch = "audit_events_y2020m03";
const std::string kApril = "audit_events_y2020m04";

std::vector<std::string> plan(const std::vector<PartitionIndex>& found,
                              const settings::EventIndexes& wanted) {
  std::vector<std::string> statements;
  for (const IndexTask& task : plan_indexes(found, wanted)) {
    EXPECT_EQ(task.make, task.sql.starts_with("CREATE")) << task.sql;
    statements.push_back(task.sql);
  }
  return statements;
}

TEST(Indexes, AreMadeInTheOrderFound) {
  const std::vector<PartitionIndex> found{{kApril, "Actor", State::kMissing},
                                          {kApril, "Resource", State::kMissing},
                                          {kMarch, "Actor", State::kValid},
                                          {kMarch, "Resource", State::kMissing}};
  EXPECT_THAT(
      plan(found, {"Resource"}),
      ElementsAre("DROP INDEX CONCURRENTLY audit_events_y2020m03_by_actor",
                  "CREATE INDEX CONCURRENTLY audit_events_y2020m04_by_resource ON audit_events_y2020m04 "
                  "(resource_id, event_timestamp, event_id)",
                  "CREATE INDEX CONCURRENTLY audit_events_y2020m03_by_resource ON audit_events_y2020m03 "
                  "(resource_id, event_timestamp, event_id)"));
  EXPECT_THAT(plan({found[0], found[2]}, {"Actor"}),
              ElementsAre("CREATE INDEX CONCURRENTLY audit_events_y2020m04_by_actor ON audit_events_y2020m04 "
                          "(actor_id, event_timestamp, event_id)"));
}

TEST(Indexes, ThatAreAsTheyShouldBeAreLeftAlone) {
  EXPECT_THAT(plan({{kMarch, "Actor", State::kValid}, {kMarch, "Resource", State::kMissing}}, {"Actor"}),
              IsEmpty());
  EXPECT_THAT(plan({{kMarch, "Actor", State::kMissing}, {kMarch, "Resource", State::kMissing}}, {}),
              IsEmpty());
}

TEST(Indexes, ThatWereLeftUnfinishedAreDroppedFirst) {
  const std::vector<PartitionIndex> found{{kApril, "Actor", State::kMissing},
                                          {kMarch, "Actor", State::kInvalid}};
  EXPECT_THAT(plan(found, {"Actor"}),
              ElementsAre("DROP INDEX CONCURRENTLY audit_events_y2020m03_by_actor",
                          "CREATE INDEX CONCURRENTLY audit_events_y2020m04_by_actor ON audit_events_y2020m04 "
                          "(actor_id, event_timestamp, event_id)"));
  EXPECT_THAT(plan(found, {}), ElementsAre("DROP INDEX CONCURRENTLY audit_events_y2020m03_by_actor"));
}

}  // namespace
}  // namespace storagepool::tables
