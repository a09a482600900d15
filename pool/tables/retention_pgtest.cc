// The end of events that have been kept for long enough, beside those that are kept.
#include "pool/tables/retention.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/testing/partitions_fixture.h"

namespace storagepool::tables {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kFebruary;
using testing::kJanuary;
using ::testing::Not;
using ::testing::SizeIs;
using Names = std::vector<std::string>;

class RetentionTest : public testing::PartitionsTest {
 protected:
  // With ids that their client made, all at one time.
  static void stored_many(int count, const std::string& time, int retention_days) {
    superuser("WITH made AS (SELECT gen_random_uuid() AS id FROM generate_series(1, " +
              std::to_string(count) + ")), ids AS (INSERT INTO audit_event_ids SELECT id, '" + time +
              "' FROM made) INSERT INTO audit_events SELECT id, '" + time +
              "', '1.0', 't', 'c', 'a', 'success', 'r', NULL, NULL, 'c', 'r', 'info', 's', 's', " +
              std::to_string(retention_days) + ", false, '{}' FROM made");
  }
  static std::string count(const std::string& table) { return superuser("SELECT count(*) FROM " + table)[0]; }
};

TEST_F(RetentionTest, DeletesWhatExpiresBeforeItsMonth) {
  maintain_at("2020-01-15T00:00:00Z");
  stored(1, "2020-01-10T12:00:00Z", 1);
  stored(2, "2020-01-10T12:00:00.000001Z", 1);
  stored(3, "2020-01-01T00:00:00Z", 30);
  stored(4, "2020-01-01T00:00:00Z", 2555);
  stored(5, "2020-01-10T12:00:00Z", 2);
  EXPECT_EQ(maintain_at("2020-01-11T11:59:59.999999Z").deleted, 0);
  EXPECT_EQ(maintain_at("2020-01-11T12:00:00Z").deleted, 1);
  EXPECT_THAT(place_of(1), IsEmpty());
  EXPECT_THAT(place_of(2), ElementsAre(kJanuary));
  EXPECT_EQ(maintain_at("2020-01-12T12:00:00Z").deleted, 2);
  EXPECT_EQ(maintain_at("2020-01-31T00:00:00Z").deleted, 1);
  EXPECT_THAT(place_of(3), IsEmpty());
  EXPECT_THAT(place_of(4), ElementsAre(kJanuary));
  EXPECT_EQ(count("audit_event_ids"), "1");
  EXPECT_EQ(dangling(), "0");
}

TEST_F(RetentionTest, DeletesInPortionsBesideWriters) {
  maintain_at("2020-01-15T00:00:00Z");
  stored_many(5600, "2020-01-10T00:00:00Z", 3);
  stored(1, "2020-01-10T00:00:00Z", 100);
  const auto writer = open();
  execute(*writer, "BEGIN");
  execute(*writer, insert(2, "2020-01-15T00:00:00Z"));
  const Maintenance first = maintain_at("2020-01-15T00:00:00Z");
  EXPECT_EQ(first.deleted, kMaxDeleted);
  EXPECT_TRUE(first.unfinished);
  EXPECT_TRUE(first.again_soon());
  const Maintenance rest = maintain_at("2020-01-15T00:00:00Z");
  EXPECT_EQ(rest.deleted, 600);
  EXPECT_FALSE(rest.again_soon());
  execute(*writer, "COMMIT");
  EXPECT_THAT(place_of(1), ElementsAre(kJanuary));
  EXPECT_THAT(place_of(2), ElementsAre(kJanuary));
  EXPECT_EQ(dangling(), "0");
}

TEST_F(RetentionTest, FindsWhatHasExpiredByIndex) {
  maintain_at("2020-01-15T00:00:00Z");
  superuser(R"(INSERT INTO audit_events SELECT gen_random_uuid(), '2020-01-10T00:00Z'::timestamptz +
  i * interval '1 s', '1.0', 't', 'c', 'a', 'success', 'r', NULL, NULL, 'c', 'r', 'info', 's', 's',
  CASE WHEN i % 100 = 0 THEN 10 + i % 3 ELSE 2555 END, false, '{}' FROM generate_series(1, 20000) AS i)");
  superuser("VACUUM (ANALYZE) audit_events");
  std::string plan;
  for (const std::string& line :
       query(*session_, "EXPLAIN (COSTS OFF) " +
                            delete_expired_of_month(kJanuary, "'2020-01-15 00:00Z'::timestamptz", 500)))
    plan += line + '\n';
  EXPECT_THAT(plan, Not(::testing::HasSubstr("Seq Scan on audit_events"))) << plan;
  EXPECT_THAT(plan, ::testing::HasSubstr("audit_events_y2020m01_retention_days_event_timestamp_idx")) << plan;
}

// Rows that come and go leave a table no larger than those that are there at once need, and what is dead.
TEST_F(RetentionTest, LeavesRoomToTheEventsThatFollow) {
  maintain_at("2020-01-15T00:00:00Z");
  const auto size = [] {
    return std::stoll(superuser("SELECT pg_total_relation_size('audit_events_y2020m01')")[0]);
  };
  std::optional<std::int64_t> first;
  for (int day = 1; day <= 6; ++day) {
    stored_many(2000, "2020-01-0" + std::to_string(day) + "T00:00:00Z", 1);
    if (!first) first = size();
    EXPECT_EQ(maintain_at(("2020-01-0" + std::to_string(day + 1) + "T00:00:00Z").c_str()).deleted, 2000);
    superuser("VACUUM audit_events_y2020m01");
  }
  EXPECT_LE(size(), *first * 2);
}

TEST_F(RetentionTest, ForgetsTheIdsOfAMonthInPortionsBeforeItIsDropped) {
  maintain_at("2020-01-15T00:00:00Z");
  stored_many(5200, "2020-01-10T00:00:00Z", 2555);
  superuser("UPDATE audit_events SET retention_days = 40");
  stored(1, "2020-02-10T00:00:00Z", 2555);
  const Maintenance first = maintain_at("2020-03-10T00:00:00Z");
  EXPECT_THAT(first.dropped, Not(Contains(kJanuary)));
  EXPECT_TRUE(first.unfinished);
  EXPECT_EQ(count("audit_event_ids"), "201");
  EXPECT_THAT(maintain_at("2020-03-10T00:00:00Z").dropped, ElementsAre(kJanuary));
  EXPECT_EQ(count("audit_event_ids"), "1");
  EXPECT_THAT(place_of(1), ElementsAre(kFebruary));
}

// A statement that began long ago is in the way of every drop and of every new month. Writers wait behind
// the maintenance that waits for it: less than half a second, for they give up then.
TEST_F(RetentionTest, HoldsNoWriterUpBesideALongReader) {
  must(postgres::testing::run(context_, maintain(*session_, *runtime::parse_timestamp("2019-06-15T00:00:00Z"),
                                                 deadline(), {.months_ahead = 8})));
  const auto reader = open();
  execute(*reader, "BEGIN");
  execute(*reader, "SELECT FROM audit_events");
  bool done = false;
  int written = 0;
  std::optional<Maintenance> kept;
  const auto writer = open();
  execute(*writer, "SET lock_timeout = '500ms'");
  const auto write = [&]() -> boost::asio::awaitable<void> {
    for (; !done || written == 0; ++written) {
      const std::string sql = insert(written, "2020-02-10T00:00:00Z");
      const auto stored = co_await writer->execute(sql, deadline());
      EXPECT_TRUE(stored) << stored.error().sqlstate;
      if (!stored) co_return;
    }
  };
  const auto look_after = [&]() -> boost::asio::awaitable<void> {
    const auto now = *runtime::parse_timestamp("2020-02-10T00:00:00Z");
    const auto maintained = co_await maintain(*session_, now, deadline());
    done = true;
    EXPECT_TRUE(maintained) << maintained.error().detail;
    kept = maintained.value_or(Maintenance{});
  };
  context_.restart();
  boost::asio::co_spawn(context_, write(), boost::asio::detached);
  boost::asio::co_spawn(context_, look_after(), boost::asio::detached);
  context_.run();
  ASSERT_TRUE(kept);
  EXPECT_THAT(kept->dropped, IsEmpty());
  // The month that is to be made, and of the seven that are to be dropped the first.
  EXPECT_THAT(kept->postponed, ElementsAre("audit_events_y2020m03", "audit_events_y2019m05"));
  EXPECT_EQ(count("audit_events_y2020m02"), std::to_string(written));
  execute(*reader, "COMMIT");
  EXPECT_THAT(maintain_at("2020-02-10T00:00:00Z").dropped, SizeIs(8));
}

TEST_F(RetentionTest, TellsWhatAllMonthsWouldLock) {
  const Maintenance done = maintain_at("2020-01-15T00:00:00Z");
  EXPECT_EQ(std::to_string(done.locks_of_all),
            superuser("SELECT 7 * (1 + count(*)) FROM pg_indexes WHERE tablename = 'audit_events'")[0]);
  EXPECT_EQ(std::to_string(done.locks_of_server),
            superuser("SELECT current_setting('max_connections')::int * 64")[0]);
  superuser("CREATE INDEX more ON audit_events_default (actor_id)");
  EXPECT_EQ(maintain_at("2020-01-15T00:00:00Z").locks_of_all, done.locks_of_all + 1);
}

}  // namespace
}  // namespace storagepool::tables
