#include "pool/tables/partitions.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/testing/partitions_fixture.h"

namespace storagepool::tables {
namespace {

using namespace std::chrono_literals;
using postgres::testing::run;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kApril;
using testing::kFebruary;
using testing::kJanuary;
using testing::kMarch;
using testing::kMay;
using ::testing::Not;
using testing::PartitionsTest;
using Names = std::vector<std::string>;

TEST_F(PartitionsTest, MakesMonthsOnce) {
  const Maintenance first = maintain_at("2020-02-29T12:00:00Z");
  EXPECT_THAT(first.created, ElementsAre(kJanuary, kFebruary, kMarch, kApril, kMay));
  EXPECT_FALSE(first.skipped);
  EXPECT_THAT(partitions(), ElementsAre("audit_events_default", kJanuary, kFebruary, kMarch, kApril, kMay));
  EXPECT_EQ(superuser("SELECT count(*) FROM pg_indexes WHERE tablename = 'audit_events_y2020m02'"),
            superuser("SELECT count(*) FROM pg_indexes WHERE tablename = 'audit_events'"));
  const Maintenance again = maintain_at("2020-02-29T12:00:00Z");
  EXPECT_THAT(again.created, IsEmpty());
  EXPECT_THAT(again.dropped, IsEmpty());
  const Maintenance later = maintain_at("2020-03-01T00:00:00Z");
  EXPECT_THAT(later.created, ElementsAre("audit_events_y2020m06"));
  EXPECT_THAT(later.dropped, ElementsAre(kJanuary));  // it is empty
  EXPECT_FALSE(session_->in_transaction());
}

TEST_F(PartitionsTest, EndsMonthsInUtcWhateverTheSessionAndTheServerSay) {
  execute(*session_, "SET TimeZone = 'Pacific/Auckland'; SET DateStyle = 'SQL, DMY'");
  EXPECT_EQ(maintain_at("2020-01-15T00:00:00Z").created.size(), 5U);
  EXPECT_THAT(maintain_at("2020-01-15T00:00:00Z").created, IsEmpty());
  stored(1, "2019-12-31T23:59:59.999999Z");
  stored(2, "2020-01-01T00:00:00Z");
  stored(3, "2020-01-31T23:59:59.999999Z");
  stored(4, "2020-02-29T23:59:59.999999Z");
  stored(5, "2020-03-01T00:00:00Z");
  stored(6, "2020-05-01T00:00:00Z");
  EXPECT_THAT(place_of(1), ElementsAre("audit_events_y2019m12"));
  EXPECT_THAT(place_of(2), ElementsAre(kJanuary));
  EXPECT_THAT(place_of(3), ElementsAre(kJanuary));
  EXPECT_THAT(place_of(4), ElementsAre(kFebruary));
  EXPECT_THAT(place_of(5), ElementsAre(kMarch));
  EXPECT_THAT(place_of(6), ElementsAre("audit_events_default"));
}

TEST_F(PartitionsTest, MovesEventsOutOfTheDefaultPartition) {
  stored(1, "2020-01-31T23:59:59.999999Z");
  stored(2, "2020-02-01T00:00:00Z");
  stored(3, "2020-02-29T23:59:59.999999Z");
  stored(4, "2019-06-01T00:00:00Z");
  EXPECT_EQ(superuser("SELECT count(*) FROM audit_events_default"), Names{"4"});
  const Maintenance done = maintain_at("2020-02-10T00:00:00Z");
  EXPECT_EQ(done.moved, 3);
  EXPECT_THAT(place_of(1), ElementsAre(kJanuary));
  EXPECT_THAT(place_of(2), ElementsAre(kFebruary));
  EXPECT_THAT(place_of(3), ElementsAre(kFebruary));
  EXPECT_THAT(place_of(4), ElementsAre("audit_events_default"));
  EXPECT_EQ(dangling(), "0");
}

TEST_F(PartitionsTest, MakesMonthsAloneForAStart) {
  stored(1, "2001-01-01T00:00:00Z", 1);
  const auto months = [&](const char* now) {
    return must(run(context_, create_months(*session_, *runtime::parse_timestamp(now), deadline())));
  };
  EXPECT_EQ(months("2020-02-10T00:00:00Z").created.size(), 5U);
  const Maintenance later = months("2020-04-10T00:00:00Z");
  EXPECT_EQ(later.created.size(), 2U);
  EXPECT_THAT(later.dropped, IsEmpty());
  EXPECT_EQ(later.deleted, 0);
  EXPECT_THAT(partitions(), Contains(kJanuary));
  EXPECT_FALSE(session_->in_transaction());
}

TEST_F(PartitionsTest, LeavesThePartitionsOfOthersAlone) {
  superuser(
      "CREATE TABLE \"By Hand\" PARTITION OF audit_events FOR VALUES FROM (MINVALUE) TO ('2019-12-10 "
      "00:00Z');"
      "CREATE TABLE forever PARTITION OF audit_events FOR VALUES FROM ('2020-03-05 00:00Z') TO ('infinity')");
  const Maintenance done = maintain_at("2020-01-15T00:00:00Z");
  EXPECT_THAT(done.created, ElementsAre(kJanuary, kFebruary));
  EXPECT_THAT(maintain_at("2020-06-15T00:00:00Z").dropped, ElementsAre(kJanuary, kFebruary));
  EXPECT_THAT(partitions(), ElementsAre("\"By Hand\"", "audit_events_default", "forever"));
}

// In days of 24 hours: Berlin has one of 23 in between.
TEST_F(PartitionsTest, DropsAMonthFromTheMomentWhenItsLastEventExpires) {
  execute(*session_, "SET TimeZone = 'Europe/Berlin'");
  maintain_at("2020-01-15T00:00:00Z");
  stored(1, "2020-01-01T00:00:00Z", 1);
  stored(2, "2020-01-31T12:00:00Z", 75);
  stored(3, "2020-02-05T00:00:00Z", 2555);
  EXPECT_THAT(maintain_at("2020-04-15T11:59:59.999999Z").dropped, Not(Contains(kJanuary)));
  EXPECT_THAT(place_of(2), ElementsAre(kJanuary));
  EXPECT_THAT(maintain_at("2020-04-15T12:00:00Z").dropped, ElementsAre(kJanuary));
  EXPECT_THAT(place_of(2), IsEmpty());
  EXPECT_THAT(place_of(3), ElementsAre(kFebruary));
  EXPECT_EQ(superuser("SELECT count(*) FROM audit_event_ids"), Names{"1"});
  EXPECT_EQ(dangling(), "0");
  EXPECT_EQ(superuser("SELECT to_regclass('audit_events_y2020m01') IS NULL"), Names{"t"});
}

TEST_F(PartitionsTest, KeepsAMonthForItsLastEvent) {
  maintain_at("2020-01-15T00:00:00Z");
  for (int i = 0; i < 20; ++i) stored(i, "2020-01-10T00:00:00Z", 1);
  stored(20, "2020-01-02T00:00:00Z", 2000);
  EXPECT_THAT(maintain_at("2020-06-15T00:00:00Z").dropped, Not(Contains(kJanuary)));
  EXPECT_EQ(superuser("SELECT count(*) FROM audit_events"), Names{"1"});
}

TEST_F(PartitionsTest, DropsNothingEarlyByAClockThatIsAhead) {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  must(run(context_, maintain(*session_, now, deadline())));
  stored(1, runtime::format_timestamp(now), 10);
  stored(2, "2001-01-01T00:00:00Z", 2555);  // expired by either clock
  const auto ahead = must(run(context_, maintain(*session_, now + 24h * 3650, deadline())));
  EXPECT_EQ(place_of(1).size(), 1U);
  EXPECT_THAT(place_of(2), IsEmpty());
  EXPECT_EQ(ahead.deleted, 1);
}

TEST_F(PartitionsTest, DeletesExpiredEventsOfTheDefaultPartitionInPortions) {
  stored(1, "2019-01-01T00:00:00Z", 375);
  stored(2, "2019-01-01T00:00:00Z", 376);
  superuser(
      "INSERT INTO audit_events SELECT gen_random_uuid(), event_timestamp, version, event_type, "
      "event_category, event_action, event_outcome, correlation_id, NULL, NULL, resource_type, resource_id, "
      "severity, actor_id, actor_type, retention_days, false, event_data FROM audit_events, "
      "generate_series(1, 5000) WHERE event_id = " +
      id_of(1));
  EXPECT_EQ(maintain_at("2020-01-10T23:59:59.999999Z").deleted, 0);
  const Maintenance portion = maintain_at("2020-01-11T00:00:00Z");
  EXPECT_EQ(portion.deleted, kMaxDeleted);
  EXPECT_TRUE(portion.again_soon());
  const Maintenance rest = maintain_at("2020-01-11T00:00:00Z");
  EXPECT_EQ(rest.deleted, 1);
  EXPECT_FALSE(rest.again_soon());
  EXPECT_EQ(maintain_at("2020-01-11T00:00:00Z").deleted, 0);
  EXPECT_THAT(place_of(2), ElementsAre("audit_events_default"));
  EXPECT_EQ(superuser("SELECT count(*) FROM audit_event_ids"), Names{"1"});
  EXPECT_EQ(dangling(), "0");
}

TEST_F(PartitionsTest, TellsWhatFailedAndLeavesTheSessionClean) {
  superuser("CREATE TABLE audit_events_y2020m02 (i int)");
  const auto failed = try_maintain(*session_, "2020-02-10T00:00:00Z");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sqlstate, "42P07");
  EXPECT_NE(failed.error().detail.find(kFebruary), std::string::npos) << failed.error().detail;
  EXPECT_TRUE(session_->usable());
  EXPECT_FALSE(session_->in_transaction());
  EXPECT_THAT(partitions(), ElementsAre("audit_events_default", kJanuary));
}

}  // namespace
}  // namespace storagepool::tables
