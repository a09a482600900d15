// What a slip of somebody's hand cannot do, as who owns the database does it; and what it must not be in the
// way of.
#include "pool/tables/guards.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/testing/partitions_fixture.h"

namespace storagepool::tables {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kJanuary;
using testing::kMay;

const std::string kKeptForLong = "2999-01-10T12:00:00Z";  // in the default partition
const std::string kExpired = "2020-01-10T12:00:00Z";

class GuardsTest : public testing::PartitionsTest {
 protected:
  void SetUp() override {
    PartitionsTest::SetUp();
    maintain_at("2020-01-15T00:00:00Z");
  }

  // By the role of the pods, who owns it all; what PostgreSQL says against it, or "".
  static std::string tried(const std::string& sql) {
    try {
      superuser("SET storagepool.maintenance = ''; SET ROLE app; " + sql);
      return "";
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
  }
  static std::string hold() {
    return "INSERT INTO audit_legal_holds VALUES (gen_random_uuid(), 'r', 'a case', 'counsel', now(), 1)";
  }
  static std::string unguarded() {
    const std::vector<std::string> found = superuser(std::string(kFindUnguarded));
    return found.empty() ? "" : found[0];
  }
};

TEST_F(GuardsTest, EventsAreNotChangedDeletedOrEmptied) {
  stored(1, kKeptForLong);
  stored(2, kExpired, 1);
  EXPECT_THAT(tried("UPDATE audit_events SET actor_id = 'x' WHERE event_id = " + id_of(1)),
              HasSubstr("UPDATE of audit_events_default is refused"));
  EXPECT_THAT(tried("UPDATE audit_events_y2020m01 SET retention_days = 1"),
              HasSubstr("UPDATE of audit_events_y2020m01 is refused"));
  EXPECT_THAT(tried("DELETE FROM audit_events"), HasSubstr("is kept for 2555 days"));
  EXPECT_THAT(tried("DELETE FROM audit_events_default"),
              HasSubstr("DELETE of audit_events_default is refused"));
  for (const std::string table : {"audit_events", "audit_events_default", "audit_events_y2020m01"})
    EXPECT_THAT(tried("TRUNCATE " + table), HasSubstr("TRUNCATE of audit_events")) << table;
  EXPECT_EQ(superuser("SELECT count(*) FROM audit_events")[0], "2");
}

TEST_F(GuardsTest, WhatTheLogIsMadeOfStays) {
  for (const std::string table : {"audit_batches", "audit_seals", "audit_nodes"}) {
    const std::string column = table == "audit_nodes"   ? "hash = hash"
                               : table == "audit_seals" ? "lo = lo"
                                                        : "mac = mac";
    EXPECT_THAT(tried("UPDATE " + table + " SET " + column), HasSubstr("UPDATE of " + table + " is refused"));
  }
  for (const std::string table :
       {"audit_batches", "audit_seals", "audit_nodes", "audit_log", "audit_expiry", "audit_legal_holds"}) {
    EXPECT_THAT(tried("DELETE FROM " + table), HasSubstr("DELETE of " + table + " is refused"));
    EXPECT_THAT(tried("TRUNCATE " + table), HasSubstr("TRUNCATE of " + table + " is refused"));
  }
}

TEST_F(GuardsTest, TheRefusalSaysHowItIsMeant) {
  EXPECT_THAT(tried("TRUNCATE audit_batches"), HasSubstr("SET LOCAL storagepool.maintenance = 'on'"));
}

TEST_F(GuardsTest, WhatHasExpiredMayGoUnlessItIsHeld) {
  stored(1, kExpired, 1);
  superuser(hold());
  EXPECT_THAT(tried("DELETE FROM audit_events"), HasSubstr("a legal hold keeps event"));
  superuser("UPDATE audit_legal_holds SET released_at = now()");
  EXPECT_EQ(tried("DELETE FROM audit_events"), "");
  EXPECT_THAT(place_of(1), IsEmpty());
}

TEST_F(GuardsTest, ATransactionThatSaysSoMayDoAllOfIt) {
  stored(1, kKeptForLong);
  superuser(hold());
  const std::string say = "BEGIN; " + std::string(kMaintains) + "; ";
  EXPECT_EQ(
      tried(say + "UPDATE audit_events SET actor_id = 'x'; DELETE FROM audit_events; TRUNCATE audit_events; "
                  "TRUNCATE audit_batches, audit_seals, audit_nodes, audit_log, audit_expiry; "
                  "DELETE FROM audit_legal_holds; COMMIT"),
      "");
  EXPECT_THAT(place_of(1), IsEmpty());
  EXPECT_THAT(tried(say + "TRUNCATE audit_batches; COMMIT; TRUNCATE audit_seals"),
              HasSubstr("TRUNCATE of audit_seals is refused"));
}

// Pods of a release that knows nothing of guards, on the way to this one or back.
TEST_F(GuardsTest, AnEarlierReleaseMovesAndDeletesAsBefore) {
  stored(1, kKeptForLong);
  superuser(hold());
  EXPECT_EQ(tried("BEGIN; SELECT pg_try_advisory_xact_lock(8318198472447784051); "
                  "WITH moved AS (DELETE FROM audit_events_default RETURNING *) SELECT count(*) FROM moved; "
                  "ROLLBACK"),
            "");
  EXPECT_THAT(tried("BEGIN; SELECT pg_try_advisory_xact_lock(8318198472447784050); "
                    "DELETE FROM audit_events_default; ROLLBACK"),
              HasSubstr("is refused"));
}

TEST_F(GuardsTest, APartitionOfAnotherReleaseIsGuardedByTheNextMaintenance) {
  EXPECT_EQ(unguarded(), "");
  execute(*session_,
          "CREATE TABLE audit_events_y2020m05 (LIKE audit_events INCLUDING ALL); "
          "ALTER TABLE audit_events ATTACH PARTITION audit_events_y2020m05 FOR VALUES FROM "
          "('2020-05-01Z') TO ('2020-06-01Z')");
  stored(1, "2020-05-02T00:00:00Z");
  EXPECT_THAT(tried("UPDATE audit_events_y2020m05 SET actor_id = 'x'"), HasSubstr("is refused"));
  EXPECT_EQ(unguarded(), kMay);
  const auto writer = open();
  execute(*writer, "BEGIN");
  execute(*writer, insert(2, "2020-05-03T00:00:00Z"));
  EXPECT_THAT(maintain_at("2020-01-15T00:00:00Z").postponed, ElementsAre(kMay));
  execute(*writer, "COMMIT");
  EXPECT_THAT(maintain_at("2020-01-15T00:00:00Z").postponed, IsEmpty());
  EXPECT_EQ(unguarded(), "");
  EXPECT_THAT(tried("TRUNCATE audit_events_y2020m05"), HasSubstr("is refused"));
}

TEST_F(GuardsTest, NeitherInsertsNorWhatIsReplicatedMeetATrigger) {
  constexpr int kInsert = 4;  // TRIGGER_TYPE_INSERT
  EXPECT_EQ(superuser("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgtype & " +
                      std::to_string(kInsert) + " <> 0")[0],
            "0");
  stored(1, kKeptForLong);
  superuser(
      "SET storagepool.maintenance = ''; SET session_replication_role = replica; "
      "UPDATE audit_events SET actor_id = 'x'; DELETE FROM audit_events; TRUNCATE audit_events, "
      "audit_batches");
  EXPECT_THAT(place_of(1), IsEmpty());
}

// A partition that is taken off is nobody's evidence any more.
TEST_F(GuardsTest, WhatIsDetachedIsNotGuardedRowByRow) {
  stored(1, "2020-01-10T12:00:00Z");
  execute(*session_, "ALTER TABLE audit_events DETACH PARTITION " + kJanuary);
  EXPECT_EQ(tried("DELETE FROM " + kJanuary), "");
}

}  // namespace
}  // namespace storagepool::tables
