#include "pool/reading/reading.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/reading/testing/reading_fixture.h"
#include "pool/tables/partitions.h"

namespace storagepool::reading {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::run;

using StoreTest = testing::ReadingFixture;

TEST_F(StoreTest, FindsNothingUnderAnUnknownId) {
  const auto found = get(event::new_event_id(smallest().event_timestamp));
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_FALSE(found->has_value());
}

TEST_F(StoreTest, FindsAnEventByAnyIdThatItsClientMade) {
  // Of version 4, of version 7 and of another time than its event's, and one that tells no time there is.
  for (const char* id : {"0190a6e2-9b7c-4def-8123-456789abcdef", "0190a6e2-9b7c-7def-8123-456789abcdef",
                         "ffffffff-ffff-7fff-bfff-ffffffffffff", "00000000-0000-0000-0000-000000000001"}) {
    event::Event event = smallest("2026-02-28T11:22:33.000001Z");
    event.event_id = id;
    must_insert(event);
    const auto found = get(id);
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_EQ(*found, event) << id;
    event::Event child = smallest();
    child.parent_event_id = id;
    must_insert(child);
  }
}

TEST_F(StoreTest, FindsAnEventOfOursByItsIdAlone) {
  const event::Event event = smallest();
  must_insert(event);
  superuser("DELETE FROM audit_event_ids");
  EXPECT_EQ(**get(event.event_id), event);
}

// The insert is on its way to the default partition when its month is attached.
TEST_F(StoreTest, StoresAnEventWhoseMonthComesMeanwhile) {
  const event::Event event = smallest("2020-02-29T12:00:00Z");
  execute(*session_, "BEGIN");
  execute(*session_,
          "CREATE TABLE audit_events_y2020m02 (LIKE audit_events INCLUDING ALL);"
          "LOCK TABLE audit_events_default IN ACCESS EXCLUSIVE MODE;"
          "ALTER TABLE audit_events ATTACH PARTITION audit_events_y2020m02 FOR VALUES FROM "
          "('2020-02-01 00:00Z') TO ('2020-03-01 00:00Z')");
  std::optional<ingest::Answer> stored;
  const auto work = [&]() -> boost::asio::awaitable<void> {
    std::vector<event::Event> unit;
    unit.push_back(event);
    stored = co_await ingest_.store("audit", std::move(unit), deadline());
  };
  context_.restart();
  boost::asio::co_spawn(context_, work(), boost::asio::detached);
  const auto blocked = [] {
    return superuser(
               "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
               "'audit_events_default'::regclass")
               .at(0) == "1";
  };
  const auto give_up = deadline();
  while (!blocked() && std::chrono::steady_clock::now() < give_up) context_.run_one_for(10ms);
  ASSERT_TRUE(blocked());
  execute(*session_, "COMMIT");
  while (!stored && std::chrono::steady_clock::now() < give_up) context_.run_one_for(10ms);
  ASSERT_TRUE(stored);
  ASSERT_TRUE(*stored) << stored->error().detail;
  EXPECT_TRUE((*stored)->at(0).created);
  EXPECT_EQ(superuser("SELECT tableoid::regclass FROM audit_events"),
            std::vector<std::string>{"audit_events_y2020m02"});
  EXPECT_EQ(**get(event.event_id), event);
}

TEST_F(StoreTest, ForgetsAnEventWithItsMonth) {
  const auto maintain_at = [&](const char* now) {
    return must(run(context_, tables::maintain(*session_, *runtime::parse_timestamp(now), deadline())));
  };
  maintain_at("2020-01-15T00:00:00Z");
  event::Event event = smallest("2020-01-20T00:00:00Z");
  event.event_id = "0190a6e2-9b7c-4def-8123-456789abcdef";
  event.retention_days = 1;
  must_insert(event);
  const auto dropped = maintain_at("2020-04-15T00:00:00Z").dropped;
  EXPECT_EQ(std::count(dropped.begin(), dropped.end(), "audit_events_y2020m01"), 1);
  const auto found = get(event.event_id);
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_FALSE(found->has_value());
  must_insert(event);  // its id is free again
}

TEST_F(StoreTest, SaysThatADatabaseIsMissing) {
  const auto missing = run(context_, reader_.get("audit_ws_none", smallest().event_id, deadline()));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, tables::StoreError::Kind::kDatabaseMissing) << missing.error().detail;
  const auto closed = run(context_, engine_.close_database("audit", deadline()));
  ASSERT_TRUE(closed);
  const auto refused = get(smallest().event_id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, tables::StoreError::Kind::kDatabaseMissing) << refused.error().detail;
}

TEST_F(StoreTest, SaysOverloadedWhenTooManyWait) {
  settings::Settings settings = engine_.in_force();
  settings.max_waiters = 0;
  settings.max_open_conns = 1;
  settings.max_idle_conns = 1;
  settings.max_conns_per_database = 1;
  settings.system_conns = 1;
  engine_.reconfigure(settings);
  const auto lease = run(context_, engine_.acquire("audit", deadline()));
  ASSERT_TRUE(lease) << lease.error().detail;
  const auto refused = try_list({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, tables::StoreError::Kind::kOverloaded) << refused.error().detail;
  EXPECT_GE(refused.error().retry_after, 1s);
}

TEST_F(StoreTest, SurvivesTheLossOfItsConnections) {
  const event::Event event = smallest();
  must_insert(event);
  server_->terminate("usename = 'app'");
  EXPECT_EQ(**get(event.event_id), event);
}

TEST_F(StoreTest, SaysUnavailableWhilePostgresqlIsAway) {
  server_->stop();
  const auto refused = run(context_, reader_.list("audit", {}, in(2s)));
  server_->start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, tables::StoreError::Kind::kUnavailable);
  EXPECT_GE(refused.error().retry_after, 1s);
}

}  // namespace
}  // namespace storagepool::reading
