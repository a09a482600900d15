// What a legal hold keeps of events that have been kept for long enough.
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/retention.h"
#include "pool/tables/testing/partitions_fixture.h"

namespace storagepool::tables {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kJanuary;
using ::testing::Not;

constexpr const char* kDefault = "audit_events_default";
constexpr const char* kLongAfter = "2020-06-15T00:00:00Z";
// An event of this month that is kept for as long as any has expired by then.
constexpr const char* kOldMonth = "audit_events_y2019m01";
constexpr const char* kYearsAfter = "2026-06-15T00:00:00Z";

class LegalHoldsTest : public testing::PartitionsTest {
 protected:
  void SetUp() override {
    PartitionsTest::SetUp();
    maintain_at("2020-01-15T00:00:00Z");
  }

  // One that has a correlation of its own, and its id from its client.
  static void stored_of(const std::string& correlation, int id, const std::string& time, int retention_days) {
    stored(id, time, retention_days);
    superuser("UPDATE audit_events SET correlation_id = '" + correlation + "' WHERE event_timestamp = '" +
              time + "' AND correlation_id = 'r'");
  }
  // In kOldMonth, for the longest term.
  void stored_many_of(const std::string& correlation, int count) {
    maintain_at("2019-01-15T00:00:00Z");
    superuser(
        "WITH made AS (SELECT gen_random_uuid() AS id, '2019-01-10T00:00:00Z'::timestamptz AS time "
        "FROM generate_series(1, " +
        std::to_string(count) +
        ")), ids AS (INSERT INTO audit_event_ids SELECT id, time FROM made) "
        "INSERT INTO audit_events SELECT id, time, '1.0', 't', 'c', 'a', 'success', '" +
        correlation + "', NULL, NULL, 'c', 'r', 'info', 's', 's', 2555, false, '{}' FROM made");
  }
  static std::string hold(const std::string& correlation) {
    return "INSERT INTO audit_legal_holds VALUES (gen_random_uuid(), '" + correlation +
           "', 'a case', 'counsel', now(), 1)";
  }
  static void release() {
    superuser("UPDATE audit_legal_holds SET released_by = 'counsel', released_at = now()");
  }
  static std::string count(const std::string& what) { return superuser("SELECT count(*) FROM " + what)[0]; }
};

TEST_F(LegalHoldsTest, KeepWhatExpiresBeforeItsMonth) {
  stored_of("held", 1, "2020-01-10T12:00:00Z", 1);
  stored_of("other", 2, "2020-01-10T12:00:01Z", 1);
  stored_of("held", 3, "2018-01-10T12:00:02Z", 1);
  stored_of("other", 4, "2018-01-10T12:00:03Z", 1);
  superuser(hold("held"));
  EXPECT_EQ(maintain_at("2020-01-20T00:00:00Z").deleted, 2);
  EXPECT_THAT(place_of(1), ElementsAre(kJanuary));
  EXPECT_THAT(place_of(2), IsEmpty());
  EXPECT_THAT(place_of(3), ElementsAre(kDefault));
  EXPECT_THAT(place_of(4), IsEmpty());
  release();
  EXPECT_EQ(maintain_at("2020-01-20T00:00:00Z").deleted, 2);
  EXPECT_EQ(count("audit_events"), "0");
  EXPECT_EQ(count("audit_event_ids"), "0");
}

TEST_F(LegalHoldsTest, OutliveTheMonthOfTheirEvents) {
  stored_of("held", 1, "2020-01-10T12:00:00Z", 40);
  stored_of("other", 2, "2020-01-10T12:00:01Z", 40);
  superuser(hold("held"));
  EXPECT_THAT(maintain_at(kLongAfter).dropped, Contains(kJanuary));
  EXPECT_THAT(partitions(), Not(Contains(kJanuary)));
  EXPECT_THAT(place_of(1), ElementsAre(kDefault));
  EXPECT_EQ(count("audit_events"), "1");
  EXPECT_EQ(count("audit_event_ids"), "1");
  EXPECT_EQ(dangling(), "0");
  EXPECT_EQ(maintain_at(kLongAfter).deleted, 0);
  release();
  EXPECT_EQ(maintain_at(kLongAfter).deleted, 1);
  EXPECT_EQ(count("audit_event_ids"), "0");
}

// To move them would hold up everything for too long.
TEST_F(LegalHoldsTest, KeepAMonthThatHasManyOfTheirEventsWithoutTheOthers) {
  stored_many_of("held", kMaxMoved + 1);
  stored_many_of("other", 700);
  superuser(hold("held"));
  const Maintenance kept = maintain_at(kYearsAfter);
  EXPECT_THAT(kept.dropped, Not(Contains(kOldMonth)));
  EXPECT_EQ(kept.deleted, 700);
  EXPECT_EQ(count(kOldMonth), std::to_string(kMaxMoved + 1));
  EXPECT_EQ(count("audit_event_ids"), std::to_string(kMaxMoved + 1));
  release();
  EXPECT_THAT(maintain_at(kYearsAfter).dropped, Contains(kOldMonth));
  EXPECT_EQ(count("audit_events"), "0");
}

TEST_F(LegalHoldsTest, KeepAMonthsEventsWhoseIdsWereForgottenByThen) {
  stored_many_of("other", 200);
  stored_many_of("held", kMaxDeleted + 200);
  EXPECT_TRUE(maintain_at(kYearsAfter).unfinished);
  EXPECT_EQ(count(kOldMonth), std::to_string(kMaxDeleted + 400));
  superuser(hold("other"));
  EXPECT_THAT(maintain_at(kYearsAfter).dropped, Contains(kOldMonth));
  EXPECT_EQ(count(kDefault), "200");
  EXPECT_EQ(count("audit_event_ids JOIN audit_events USING (event_id, event_timestamp)"), "200");
}

TEST_F(LegalHoldsTest, AreNotRacedByADeletionWhileTheyArePlaced) {
  stored_of("held", 1, "2020-01-10T12:00:00Z", 1);
  stored_of("held", 2, "2018-01-10T12:00:01Z", 1);
  const auto placer = open();
  execute(*placer, "BEGIN");
  execute(*placer, hold("held"));
  const Maintenance beside = maintain_at("2020-01-20T00:00:00Z");
  EXPECT_EQ(beside.deleted, 0);
  EXPECT_THAT(beside.postponed, Contains(kDefault));
  EXPECT_THAT(beside.postponed, Contains(kJanuary));
  EXPECT_THAT(maintain_at(kLongAfter).dropped, Not(Contains(kJanuary)));
  execute(*placer, "COMMIT");
  maintain_at(kLongAfter);
  EXPECT_EQ(count("audit_events"), "2");
}

}  // namespace
}  // namespace storagepool::tables
