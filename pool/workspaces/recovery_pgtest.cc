// What pods that died half-way have left, and the upkeep.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/postgres/connect.h"
#include "pool/workspaces/testing/workspace_pod.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::workspaces {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using testing::Pod;
using Kind = Error::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WorkspaceRecoveryTest : public testing::WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    make_table();
  }
  // As the first creation makes it.
  void make_table() {
    Pod pod(context_, *server_);
    const auto lease = run(pod.engine.acquire("audit", in(20s)));
    ASSERT_TRUE(lease);
    ASSERT_TRUE(run(registry::begin_creation(**lease, "first", in(20s))));
    sql("DELETE FROM storagepool_workspaces", "audit");
  }
  // A row that nobody has touched for an hour.
  static void leave(const std::string& state) {
    sql("INSERT INTO storagepool_workspaces (name, state, changed_at) VALUES ('w', '" + state +
            "', now() - interval '1 hour')",
        "audit");
  }
  static std::string mark() {
    return sql("SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = "
               "'audit_ws_w'")
        .at(0);
  }
  // Each leaves what a pod leaves that dies at another point of a creation.
  struct CrashPoint {
    const char* name;
    void (*leave)();
  };
  static std::vector<CrashPoint> crashes_while_creating() {
    return {{"before CREATE DATABASE", [] { leave("creating"); }},
            {"before the mark",
             [] {
               leave("creating");
               sql("CREATE DATABASE audit_ws_w OWNER app TEMPLATE template0");
             }},
            {"before the schema",
             [] {
               leave("creating");
               sql("CREATE DATABASE audit_ws_w OWNER app TEMPLATE template0");
               sql("COMMENT ON DATABASE audit_ws_w IS 'StoragePool workspace w of the database audit'");
             }},
            {"before it is recorded as ready", [] {
               boost::asio::io_context context{1};
               Pod pod(context, *server_);
               ASSERT_TRUE(postgres::testing::run(context, pod.workspaces.create("w", in(20s))));
               sql("UPDATE storagepool_workspaces SET state = 'creating', changed_at = now() - interval '1 "
                   "hour'",
                   "audit");
             }}};
  }
  static runtime::Timestamp now() {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  void clean() {
    sql("DELETE FROM storagepool_workspaces", "audit");
    sql("DROP DATABASE IF EXISTS audit_ws_w WITH (FORCE)");
  }
};

TEST_F(WorkspaceRecoveryTest, AnyPodFinishesACreationWhereverItEnded) {
  for (const CrashPoint& crash : crashes_while_creating()) {
    crash.leave();
    {
      Pod pod(context_, *server_);
      const auto work = run(pod.workspaces.finish_pending(in(20s)));
      ASSERT_TRUE(work) << crash.name << work.error().detail;
      EXPECT_EQ(work->finished, 1) << crash.name;
      EXPECT_EQ(states(), "w ready") << crash.name;
      EXPECT_EQ(run(pod.workspaces.resolve("w", in(20s))).value().database, "audit_ws_w") << crash.name;
    }
    EXPECT_TRUE(has_schema("audit_ws_w")) << crash.name;
    EXPECT_EQ(mark(), "StoragePool workspace w of the database audit") << crash.name;
    clean();
  }
}

TEST_F(WorkspaceRecoveryTest, TheNextCallFinishesACreationWhereverItEnded) {
  for (const CrashPoint& crash : crashes_while_creating()) {
    crash.leave();
    {
      Pod pod(context_, *server_);
      EXPECT_TRUE(must_create(pod, "w").created) << crash.name;
    }
    EXPECT_TRUE(has_schema("audit_ws_w")) << crash.name;
    clean();
  }
}

TEST_F(WorkspaceRecoveryTest, AnyPodFinishesADeletionWhereverItEnded) {
  for (const bool dropped : {false, true}) {
    leave("deleting");
    if (!dropped) sql("CREATE DATABASE audit_ws_w OWNER app TEMPLATE template0");
    Pod pod(context_, *server_);
    EXPECT_EQ(run(pod.workspaces.finish_pending(in(20s)))->finished, 1);
    EXPECT_EQ(states(), "w deleted");
    EXPECT_THAT(databases(), IsEmpty());
    clean();
  }
}

TEST_F(WorkspaceRecoveryTest, ACreationMayBeDeletedHalfWay) {
  for (const CrashPoint& crash : crashes_while_creating()) {
    crash.leave();
    Pod pod(context_, *server_);
    EXPECT_EQ(*run(pod.workspaces.remove("w", in(20s))), Removal::kDropping);
    wait_until([&] { return run(pod.workspaces.finish_pending(in(20s)))->finished == 1; });
    EXPECT_EQ(states(), "w deleted") << crash.name;
    EXPECT_THAT(databases(), IsEmpty()) << crash.name;
    clean();
  }
}

TEST_F(WorkspaceRecoveryTest, LeavesAloneWhatOthersAreAt) {
  Pod pod(context_, *server_);
  sql("INSERT INTO storagepool_workspaces (name, state) VALUES ('w', 'creating')", "audit");
  EXPECT_EQ(run(pod.workspaces.finish_pending(in(20s)))->waiting, 1);
  EXPECT_EQ(states(), "w creating");
  clean();

  leave("deleting");
  const auto session = run(postgres::connect(context_.get_executor(), server_->connect_options(), in(20s)));
  ASSERT_TRUE(session);
  ASSERT_TRUE(run((*session)->execute(
      "SELECT pg_advisory_lock(hashtextextended('storagepool workspace w', 0))", in(20s))));
  const auto held = run(pod.workspaces.finish_pending(in(20s)));
  EXPECT_EQ(held->waiting, 1);
  EXPECT_EQ(held->failed, 0);
  EXPECT_EQ(states(), "w deleting");
  ASSERT_TRUE(run((*session)->execute("SELECT pg_advisory_unlock_all()", in(20s))));
  EXPECT_EQ(run(pod.workspaces.finish_pending(in(20s)))->finished, 1);
  EXPECT_EQ(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").at(0), "0");
}

TEST_F(WorkspaceRecoveryTest, AWorkspaceThatCannotBeFinishedHoldsUpNoOther) {
  sql("CREATE DATABASE audit_ws_w TEMPLATE template0");  // of the superuser
  leave("deleting");
  sql("INSERT INTO storagepool_workspaces (name, state, changed_at) VALUES ('x', 'deleting', now() - "
      "interval '1 minute')",
      "audit");
  Pod pod(context_, *server_);
  const auto work = run(pod.workspaces.finish_pending(in(20s)));
  ASSERT_TRUE(work) << work.error().detail;
  EXPECT_EQ(work->failed, 1);
  EXPECT_EQ(work->finished, 1);
  EXPECT_EQ(states(), "w deleting, x deleted");
  // Put off: it was looked at last.
  EXPECT_THAT(sql("SELECT name FROM storagepool_workspaces WHERE now() - changed_at < interval '50 seconds' "
                  "ORDER BY name",
                  "audit"),
              ElementsAre("w", "x"));
}

TEST_F(WorkspaceRecoveryTest, ADeletionIsRememberedForADay) {
  Pod pod(context_, *server_);
  leave("deleted");
  ASSERT_TRUE(run(pod.workspaces.finish_pending(in(20s))));
  EXPECT_EQ(*run(pod.workspaces.remove("w", in(20s))), Removal::kGone);
  sql("UPDATE storagepool_workspaces SET changed_at = now() - interval '25 hours'", "audit");
  ASSERT_TRUE(run(pod.workspaces.finish_pending(in(20s))));
  EXPECT_EQ(run(pod.workspaces.remove("w", in(20s))).error().kind, Kind::kNotFound);
}

TEST_F(WorkspaceRecoveryTest, AStatementMayTakeLongerThanTheLimitWhileADatabaseIsMade) {
  // The limit would end the wait for this lock, which CREATE DATABASE needs.
  auto superuser = server_->connect_options();
  superuser.user = "postgres";
  const auto session = run(postgres::connect(context_.get_executor(), superuser, in(20s)));
  ASSERT_TRUE(session) << session.error().detail;
  Pod pod(context_, *server_, {.statement_timeout = 500ms, .lock_timeout = 0ms});
  ASSERT_TRUE(run((*session)->execute("BEGIN; LOCK TABLE pg_database IN SHARE MODE", in(20s))));
  std::optional<tl::expected<CreatedWorkspace, Error>> created;
  boost::asio::co_spawn(context_, postgres::testing::keep(pod.workspaces.create("w", in(30s)), created),
                        boost::asio::detached);
  const auto waits = [] {
    return sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND now() - query_start "
               "> interval '1 second'")
               .at(0) == "1";
  };
  wait_until(waits);
  ASSERT_TRUE(run((*session)->execute("COMMIT", in(20s))));
  wait_until([&] { return created.has_value(); });
  ASSERT_TRUE(*created) << created->error().detail;
  // And the session has its limit again.
  const auto lease = run(pod.engine.acquire("audit", in(20s)));
  EXPECT_EQ(run((*lease)->execute("SHOW statement_timeout", in(20s)))->rows.at(0).at(0), "500ms");
}

TEST_F(WorkspaceRecoveryTest, UpkeepComesOnceADayToEach) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  must_create(pod, "x");
  EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(20s))), false);
  for (const char* database : {"audit_ws_w", "audit_ws_x"}) {
    lose_schema(database);
  }
  sql("UPDATE storagepool_workspaces SET upkeep_due = now() - interval '1 minute'", "audit");
  sql("INSERT INTO storagepool_workspaces (name, state, upkeep_due) VALUES ('y', 'deleting', now() - "
      "interval '1 hour')",
      "audit");
  EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(20s))), true);
  EXPECT_NE(has_schema("audit_ws_w"), has_schema("audit_ws_x"));
  EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(20s))), true);
  EXPECT_TRUE(has_schema("audit_ws_w"));
  EXPECT_TRUE(has_schema("audit_ws_x"));
  EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(20s))), false);
  EXPECT_EQ(sql("SELECT count(*) FROM storagepool_workspaces WHERE state = 'ready' AND upkeep_due > now() + "
                "interval '23 hours'",
                "audit")
                .at(0),
            "2");
}

TEST_F(WorkspaceRecoveryTest, UpkeepMakesThePartitionsOfMonthsToCome) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  sql("UPDATE storagepool_workspaces SET upkeep_due = now()", "audit");
  const auto later = now() + std::chrono::days{400};
  const std::chrono::year_month_day date{runtime::date_of(later)};
  const std::string month = tables::partition_name(date.year() / date.month());
  const auto exists = [&] {
    return sql("SELECT to_regclass('" + month + "') IS NOT NULL", "audit_ws_w").at(0);
  };
  EXPECT_EQ(exists(), "f");
  EXPECT_EQ(*run(pod.workspaces.maintain(later, in(20s))), true);
  EXPECT_EQ(exists(), "t");
}

TEST_F(WorkspaceRecoveryTest, UpkeepMakesTheIndexesThatAreAskedForAndDropsThemAgain) {
  const auto indexes = [] {
    return sql("SELECT count(*) FROM pg_indexes WHERE indexname ~ '^audit_events_.*_by_(actor|resource)$'",
               "audit_ws_w")
        .at(0);
  };
  Options options = testing::hasty();
  for (const auto& [wanted, expected] :
       {std::pair{settings::EventIndexes{"Actor", "Resource"}, "12"},
        std::pair{settings::EventIndexes{"Resource"}, "6"}, std::pair{settings::EventIndexes{}, "0"}}) {
    options.indexes = wanted;
    Pod pod(context_, *server_, {}, options);
    must_create(pod, "w");
    sql("UPDATE storagepool_workspaces SET upkeep_due = now()", "audit");
    EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(20s))), true);
    EXPECT_EQ(indexes(), expected);
    EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(20s))), false);
  }
}

TEST_F(WorkspaceRecoveryTest, UpkeepThatFailsIsTriedAgainWithinTheHour) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  sql("UPDATE storagepool_workspaces SET upkeep_due = now()", "audit");
  sql("DROP DATABASE audit_ws_w WITH (FORCE)");
  EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(3s))), true);
  EXPECT_EQ(*run(pod.workspaces.maintain(now(), in(20s))), false);
  EXPECT_EQ(sql("SELECT upkeep_due BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour' FROM "
                "storagepool_workspaces",
                "audit")
                .at(0),
            "t");
}

TEST_F(WorkspaceRecoveryTest, RunDoesAllOfIt) {
  leave("creating");
  Pod pod(context_, *server_);
  pod.start();
  wait_until([&] { return states() == "w ready"; });
  lose_schema("audit_ws_w");
  sql("UPDATE storagepool_workspaces SET upkeep_due = now()", "audit");
  wait_until([&] { return has_schema("audit_ws_w"); });
  EXPECT_EQ(*run(pod.workspaces.remove("w", in(20s))), Removal::kDropping);
  wait_until([&] { return states() == "w deleted"; });
}

}  // namespace
}  // namespace storagepool::workspaces
