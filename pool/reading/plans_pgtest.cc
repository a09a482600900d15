// What the statements of the store cost as partitions and events become many.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/engine/engine.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"
#include "pool/ingest/rows.h"
#include "pool/reading/statements.h"
#include "pool/reading/walk.h"
#include "pool/tables/indexes.h"
#include "pool/tables/partitions.h"
#include "pool/tables/testing/migrated_database.h"

namespace storagepool::reading {
namespace {

using postgres::testing::run;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using Names = std::vector<std::string>;

const runtime::Timestamp kNow = *runtime::parse_timestamp("2020-02-10T12:00:00Z");

// The first page of a list.
Statement page_of(const ListQuery& query) {
  return select_slice(query, {.skip = query.offset, .room = query.limit, .bytes = kMaxPageBytes}, kNow);
}

Statement small_page_of(const ListQuery& query) {
  return select_small(query, {.skip = query.offset, .room = query.limit}, kNow);
}

class PlansTest : public tables::testing::MigratedDatabaseTest {
 protected:
  void make_partitions(int ahead) {
    must(run(context_, tables::maintain(*session_, kNow, deadline(), {.months_ahead = ahead})));
  }
  // The tables with events that a statement locks, which it does for each it opens or so much as plans for.
  Names tables_of(const Statement& statement) {
    execute(*session_, "BEGIN");
    query(*session_, statement.sql, statement.parameters);
    Names tables = query(*session_, R"(SELECT relname FROM pg_locks JOIN pg_class ON oid = relation
WHERE pid = pg_backend_pid() AND relkind = 'r' AND relname LIKE 'audit\_events\_%' ORDER BY 1)");
    execute(*session_, "ROLLBACK");
    return tables;
  }
  int locks_of(const Statement& statement) {
    execute(*session_, "BEGIN");
    query(*session_, statement.sql, statement.parameters);
    const Names locks = query(
        *session_, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL");
    execute(*session_, "ROLLBACK");
    return std::stoi(locks.at(0));
  }
  std::string plan_of(Statement statement) {
    statement.sql = "EXPLAIN (COSTS OFF) " + statement.sql;
    std::string plan;
    for (const std::string& line : query(*session_, statement.sql, statement.parameters)) plan += line + '\n';
    return plan;
  }
  // Of a page of whatever events, and of small ones.
  template <typename Matcher>
  void expect_plan(const ListQuery& query, const Matcher& matcher) {
    EXPECT_THAT(plan_of(page_of(query)), matcher);
    EXPECT_THAT(plan_of(small_page_of(query)), matcher);
  }
  tables::IndexStep must_step(tables::IndexUpkeep& upkeep) {
    const auto done = run(context_, upkeep.step("audit", deadline()));
    if (!done) throw std::runtime_error(done.error());
    return *done;
  }
  static std::string scalar(const std::string& sql) { return superuser(sql).at(0); }
};

TEST_F(PlansTest, OpenNoMoreTablesAsMonthsGoBy) {
  make_partitions(88);
  ASSERT_THAT(partitions(), SizeIs(91));
  const runtime::Timestamp recent = *runtime::parse_timestamp("2027-04-20T12:00:00.123456Z");
  const std::string in_april = "audit_events_y2027m04";
  const std::string id = event::new_event_id(recent);
  const auto range = event::id_time_range(id);
  ASSERT_TRUE(range);
  // An event, and with it the parent of another: by an id of ours, and by the time noted for a client's.
  EXPECT_THAT(tables_of(select_event(id, *range, kNow)), ElementsAre(in_april));
  EXPECT_THAT(tables_of(select_event(id, {recent, recent + std::chrono::microseconds{1}}, kNow)),
              ElementsAre(in_april));
  EXPECT_THAT(tables_of(select_client_id(id)), SizeIs(0));
  // Events that the log names.
  const std::vector<EventKey> keys{{id, recent}};
  EXPECT_THAT(tables_of(select_by_keys(keys, 1, kNow)), ElementsAre(in_april));
  EXPECT_THAT(tables_of(match_by_keys(keys, {.event_type = "t"}, kNow)), ElementsAre(in_april));
  // Inserts, and the look-up of their parents.
  const event::Event event = event::testing::smallest_event(id, runtime::format_timestamp(recent));
  const std::vector<const event::Event*> events{&event};
  EXPECT_THAT(tables_of({ingest::kInsertRow, ingest::one_row_parameters(event, nullptr)}),
              ElementsAre(in_april));
  EXPECT_THAT(tables_of({ingest::kInsertRows, ingest::row_parameters(events, nullptr)}),
              ElementsAre(in_april));
  event::Event of_client = event;
  of_client.id_from_client = true;
  const std::vector<const event::Event*> claimed{&event, &of_client};
  EXPECT_THAT(tables_of({ingest::kClaimAndInsertRows,
                         ingest::claim_parameters(claimed, std::vector<std::int64_t>{0, 0}, nullptr)}),
              ElementsAre(in_april));
  const std::vector<ingest::Reference> parents{
      {id, {}}, {"aaaaaaaa-9b7c-4def-8123-456789abcdef", {}}, {id, runtime::date_of(recent)}};
  EXPECT_THAT(tables_of({ingest::kFindParents, ingest::reference_parameters(parents)}),
              ElementsAre(in_april));
  // Lists.
  const auto hours = std::chrono::hours{1};
  EXPECT_THAT(tables_of(page_of({.since = recent - hours, .until = recent})), ElementsAre(in_april));
  EXPECT_THAT(tables_of(small_page_of({.since = recent - hours, .until = recent})), ElementsAre(in_april));
  EXPECT_THAT(
      tables_of(page_of({.correlation_id = "r", .since = recent - hours})),
      ElementsAre("audit_events_default", in_april, "audit_events_y2027m05", "audit_events_y2027m06"));
  EXPECT_THAT(tables_of(page_of({.since = recent - hours, .cursor = Cursor{recent, id}})),
              ElementsAre(in_april));
}

// However many months there are, and with its indexes and what the count needs.
TEST_F(PlansTest, TakeFewLocksForEachWindowOfAList) {
  make_partitions(88);
  const auto windows = windows_of({}, Months{.oldest = tables::month_of(kNow) - std::chrono::months{1},
                                             .newest = tables::month_of(kNow) + std::chrono::months{88}});
  ASSERT_THAT(windows, SizeIs(12));
  constexpr int kRoom = 2 * 64 + 16;
  for (const Window& window : windows) {
    EXPECT_LE(locks_of(select_slice({.correlation_id = "r"}, {window, 0, 50, kMaxPageBytes}, kNow)), kRoom);
    EXPECT_LE(locks_of(select_slice({.correlation_id = {"r", "s"}}, {window, 0, 50, kMaxPageBytes}, kNow)),
              kRoom);
    EXPECT_LE(locks_of(select_small({.correlation_id = "r"}, {window, 0, 50}, kNow)), kRoom);
    EXPECT_LE(locks_of(select_small({.correlation_id = {"r", "s"}}, {window, 0, 50}, kNow)), kRoom);
    EXPECT_LE(locks_of(count_matches({}, window, 1, kNow)), kRoom);
  }
}

TEST_F(PlansTest, UseTheIndexOfTheRarestFilter) {
  make_partitions(1);
  // 20,000 events in three hours: 1,000 calls, 20 types, 4 categories, one failure and one warning in 200.
  superuser(R"(INSERT INTO audit_events SELECT gen_random_uuid(),
  '2020-02-10T09:00Z'::timestamptz + i * interval '500 ms', '1.0', 'type ' || i % 20, 'category ' || i % 4, 'a',
  CASE WHEN i % 200 = 7 THEN 'failure' ELSE 'success' END, 'call ' || i % 1000, NULL, NULL, 'c', 'r',
  CASE WHEN i % 200 = 9 THEN 'warning' ELSE 'info' END, 's', 's', 10, false, '{"n":1}', NULL, NULL, NULL, NULL,
  NULL, NULL FROM generate_series(1, 20000) AS i)");
  superuser("VACUUM (ANALYZE) audit_events");
  const auto since = kNow - std::chrono::hours{3};
  const auto until = kNow;
  expect_plan({.since = since, .until = until},
              HasSubstr("Scan Backward using audit_events_y2020m02_event_timestamp_event_id_idx"));
  expect_plan({.correlation_id = "call 5", .since = since, .until = until},
              HasSubstr(" audit_events_y2020m02_correlation_id_event"));
  expect_plan({.event_type = "type 5", .since = since, .until = until},
              HasSubstr(" audit_events_y2020m02_event_type_event"));
  expect_plan({.event_category = "category 9", .since = since, .until = until},
              HasSubstr(" audit_events_y2020m02_event_category_event"));
  expect_plan({.event_outcome = "failure", .since = since, .until = until},
              HasSubstr(" audit_events_y2020m02_event_outcome_event"));
  expect_plan({.severity = "warning", .since = since, .until = until},
              HasSubstr(" audit_events_y2020m02_severity_event"));
  expect_plan({.event_outcome = "success", .since = since, .until = until}, Not(HasSubstr("outcome_event")));
}

// As pool/tables/indexes.h makes them, for each month alone.
TEST_F(PlansTest, UseTheIndexesThatAreAskedFor) {
  make_partitions(1);
  superuser(R"(INSERT INTO audit_events SELECT gen_random_uuid(),
  '2020-01-20T09:00Z'::timestamptz + i * interval '100 s', '1.0', 'type ' || i % 20, 'category ' || i % 4, 'a',
  'success', 'call ' || i % 1000, NULL, NULL, 'c', 'resource ' || i % 500, 'info', 'actor ' || i % 400, 's', 10,
  false, '{"n":1}', NULL, NULL, NULL, NULL, NULL, NULL FROM generate_series(1, 20000) AS i)");
  superuser("VACUUM (ANALYZE) audit_events");
  const ListQuery by_actor{.actor_id = "actor 5", .since = kNow - std::chrono::hours{24 * 20}, .until = kNow};
  ListQuery by_resource = by_actor;
  by_resource.actor_id = {};
  by_resource.resource_id = "resource 5";
  expect_plan(by_actor, Not(HasSubstr("_by_actor")));
  engine::Engine engine(context_.get_executor(), [] { return server_->connect_options(); }, "audit", {}, {});
  tables::IndexUpkeep upkeep(engine, {"Actor", "Resource"});
  while (!must_step(upkeep).idle()) continue;
  EXPECT_TRUE(run(context_, engine.drain(deadline())));
  for (const char* month : {"audit_events_y2020m01", "audit_events_y2020m02"}) {
    expect_plan(by_actor, HasSubstr(std::string(month) + "_by_actor"));
    expect_plan(by_resource, HasSubstr(std::string(month) + "_by_resource"));
  }
}

// Rather than sort what has any of them.
TEST_F(PlansTest, ReadEachOfSeveralValuesInTheOrderOfTheList) {
  make_partitions(1);
  superuser(R"(INSERT INTO audit_events SELECT gen_random_uuid(),
  '2020-02-10T09:00Z'::timestamptz + i * interval '500 ms', '1.0', 'type ' || i % 20, 'category ' || i % 4, 'a',
  CASE WHEN i % 200 = 7 THEN 'failure' ELSE 'success' END, 'call ' || i % 100, NULL, NULL, 'c', 'r',
  CASE WHEN i % 200 = 9 THEN 'warning' ELSE 'info' END, 's', 's', 10, false, '{"n":1}', NULL, NULL, NULL, NULL,
  NULL, NULL FROM generate_series(1, 20000) AS i)");
  superuser("VACUUM (ANALYZE) audit_events");
  const auto expect = [this](ListQuery query, const auto& matcher) {
    query.since = kNow - std::chrono::hours{3};
    query.until = kNow;
    expect_plan(query, matcher);
  };
  const auto by = [](const std::string& column) {
    return HasSubstr("Backward using audit_events_y2020m02_" + column + "_event");
  };
  expect({.correlation_id = {"call 5", "call 6"}}, HasSubstr(" audit_events_y2020m02_correlation_id_event"));
  expect({.event_type = {"type 5", "type 6"}}, by("event_type"));
  expect({.event_category = {"category 1", "category 2"}}, by("event_category"));
  expect({.event_type = {"type 5", "type 6"}, .correlation_id = "call 5"},
         HasSubstr(" audit_events_y2020m02_correlation_id_event"));
  expect({.severity = {"warning", "critical"}}, HasSubstr(" audit_events_y2020m02_severity_event"));
  expect({.event_outcome = {"failure", "pending"}}, HasSubstr(" audit_events_y2020m02_event_outcome_event"));
}

// Whether the total is counted is decided by what the page shows.
TEST_F(PlansTest, CountOnlyWhatThePageDoesNotShow) {
  make_partitions(1);
  superuser(R"(INSERT INTO audit_events SELECT gen_random_uuid(), '2020-02-10T09:00Z', '1.0', 't', 'c', 'a',
  'success', 'r', NULL, NULL, 'c', 'r', 'info', 's', 's', 10, false, '{}' FROM generate_series(1, 60))");
  const auto counted = [&](const ListQuery& query) {
    Walk walk(query, std::nullopt, kNow);
    int statements = 0;
    for (auto next = walk.next(); next; next = walk.next(), ++statements) {
      const postgres::Fetch how{.once = true};
      auto answer = must(run(context_, session_->fetch(next->sql, next->parameters, deadline(), how)));
      EXPECT_FALSE(walk.take(std::move(answer)));
    }
    EXPECT_EQ(walk.finish().pagination.total, 60);
    return statements > 1;
  };
  EXPECT_FALSE(counted({.limit = 100}));
  EXPECT_FALSE(counted({.limit = 20, .offset = 50}));
  EXPECT_TRUE(counted({.limit = 20}));
  EXPECT_TRUE(counted({.limit = 20, .offset = 100}));
}

TEST_F(PlansTest, APageByCorrelationIsPlannedOnceForEachWindow) {
  make_partitions(86);
  execute(*session_, R"(INSERT INTO audit_events SELECT gen_random_uuid(),
  '2020-01-03T09:00Z'::timestamptz + i % 88 * interval '1 month', '1.0', 't', 'c', 'a', 'success', 'call ' || i / 10,
  NULL, NULL, 'c', 'r', 'info', 's', 's', 2555, false, '{}' FROM generate_series(0, 8799) AS i)");
  execute(*session_, "ANALYZE audit_events");
  const ListQuery by_correlation{.correlation_id = "call 3"};
  const auto windows =
      windows_of(by_correlation, Months{std::chrono::year{2020} / 1, std::chrono::year{2027} / 4});
  EXPECT_THAT(windows, SizeIs(11));
  for (int turn = 0; turn < 8; ++turn) {
    for (const Window& window : windows) {
      const Statement statement =
          select_slice(by_correlation, {.window = window, .room = 50, .bytes = kMaxPageBytes}, kNow);
      const Statement small = select_small(by_correlation, {.window = window, .room = 50}, kNow);
      for (const Statement* one : {&statement, &small}) {
        EXPECT_FALSE(one->names_times);
        must(run(context_, session_->query(one->sql, one->parameters, deadline())));
        EXPECT_THAT(tables_of(*one), SizeIs(::testing::Le(kMonthsAtOnce + 2)));
      }
    }
  }
  constexpr int kFirstThatCounts = 140000;  // server_version_num
  if (std::stoi(query(*session_, "SHOW server_version_num").at(0)) < kFirstThatCounts) return;
  EXPECT_THAT(query(*session_,
                    "SELECT count(*) || ' ' || bool_and(generic_plans > 0) FROM pg_prepared_statements "
                    "WHERE statement LIKE '%correlation_id =%'"),
              ElementsAre("22 true"));
}

}  // namespace
}  // namespace storagepool::reading
