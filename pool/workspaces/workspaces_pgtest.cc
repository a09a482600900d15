#include "pool/workspaces/workspaces.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"
#include "pool/workspaces/testing/workspace_pod.h"

namespace storagepool::workspaces {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using testing::Pod;
using Kind = Error::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using WorkspacesTest = testing::WorkspaceTest;

template <typename T>
std::optional<Kind> kind(const tl::expected<T, Error>& answer) {
  if (answer) return std::nullopt;
  return answer.error().kind;
}

TEST_F(WorkspacesTest, AreToldOfWhenTheirDatabaseIsOpenedAndLookedUpWithoutOpeningIt) {
  {
    Pod maker(context_, *server_);
    must_create(maker, "team-a");
  }
  Pod pod(context_, *server_);
  std::vector<std::string> opened;
  pod.workspaces.on_opened([&](const std::string& database) { opened.push_back(database); });
  const auto home = run(pod.workspaces.look_up("team-a", in(20s)));
  ASSERT_TRUE(home) << home.error().detail;
  EXPECT_EQ(home->database, "audit_ws_team_a");
  EXPECT_THAT(opened, IsEmpty());
  EXPECT_EQ(run(pod.workspaces.resolve("team-a", in(20s)))->incarnation, home->incarnation);
  EXPECT_THAT(opened, ElementsAre("audit_ws_team_a"));
  run(pod.workspaces.resolve("team-a", in(20s)));
  EXPECT_THAT(opened, ElementsAre("audit_ws_team_a"));
  sql("UPDATE storagepool_workspaces SET upkeep_due = now()", "audit");
  EXPECT_TRUE(*run(pod.workspaces.maintain(runtime::wall_now(), in(60s))));
  EXPECT_THAT(opened, ElementsAre("audit_ws_team_a", "audit_ws_team_a"));
  run(pod.workspaces.remove("team-a", in(20s)));
  EXPECT_EQ(kind(run(pod.workspaces.look_up("team-a", in(20s)))), Kind::kDeleting);
}

TEST_F(WorkspacesTest, LiveFromTheirCreationToTheirDeletion) {
  Pod pod(context_, *server_);
  Workspaces& workspaces = pod.workspaces;
  EXPECT_EQ(kind(run(workspaces.remove("team-a", in(20s)))), Kind::kNotFound);
  EXPECT_EQ(kind(run(workspaces.resolve("team-a", in(20s)))), Kind::kNotFound);
  EXPECT_THAT(*run(workspaces.list(10, "", in(20s))), IsEmpty());

  const auto created = must_create(pod, "team-a");
  EXPECT_TRUE(created.created);
  EXPECT_EQ(created.workspace.name, "team-a");
  EXPECT_EQ(created.workspace.state, WorkspaceState::kReady);
  const auto again = must_create(pod, "team-a");
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.workspace.created_at, created.workspace.created_at);
  EXPECT_EQ(run(workspaces.get("team-a", in(20s)))->state, WorkspaceState::kReady);
  const auto former = run(workspaces.resolve("team-a", in(20s))).value();
  EXPECT_EQ(former.database, "audit_ws_team_a");
  EXPECT_TRUE(has_schema("audit_ws_team_a"));
  EXPECT_THAT(sql("SELECT pg_encoding_to_char(encoding) || ' ' || pg_get_userbyid(datdba) FROM pg_database "
                  "WHERE datname = 'audit_ws_team_a'"),
              ElementsAre("UTF8 app"));

  EXPECT_EQ(*run(workspaces.remove("team-a", in(20s))), Removal::kDropping);
  EXPECT_EQ(*run(workspaces.remove("team-a", in(20s))), Removal::kDropping);
  EXPECT_EQ(kind(run(workspaces.resolve("team-a", in(20s)))), Kind::kDeleting);
  EXPECT_EQ(kind(run(workspaces.create("team-a", in(20s)))), Kind::kDeleting);
  EXPECT_EQ(run(workspaces.get("team-a", in(20s)))->state, WorkspaceState::kDeleting);
  pod.start();
  wait_until([&] { return *run(workspaces.remove("team-a", in(20s))) == Removal::kGone; });
  EXPECT_THAT(databases(), IsEmpty());
  EXPECT_EQ(kind(run(workspaces.resolve("team-a", in(20s)))), Kind::kNotFound);
  EXPECT_EQ(kind(run(workspaces.get("team-a", in(20s)))), Kind::kNotFound);
  EXPECT_THAT(*run(workspaces.list(10, "", in(20s))), IsEmpty());

  const auto anew = must_create(pod, "team-a");
  EXPECT_TRUE(anew.created);
  EXPECT_GT(anew.workspace.created_at, created.workspace.created_at);
  const auto home = run(workspaces.resolve("team-a", in(20s))).value();
  EXPECT_EQ(home.database, "audit_ws_team_a");
  EXPECT_NE(home.incarnation, former.incarnation);
  EXPECT_EQ(run(workspaces.resolve("team-a", in(20s))).value().incarnation, home.incarnation);
}

// A cluster as initdb makes it where the machine's locale is not UTF-8.
TEST_F(WorkspacesTest, HoldEveryTextWhateverTheClustersOwnEncoding) {
  const postgres::testing::Server latin({.encoding = "LATIN1"});
  latin.superuser("ALTER ROLE app CREATEDB");
  ASSERT_THAT(
      latin.superuser("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'template1'"),
      ElementsAre("LATIN1"));
  Pod pod(context_, latin);
  must_create(pod, "team-a");
  const auto home = run(pod.workspaces.resolve("team-a", in(20s))).value();
  auto lease = run(pod.engine.acquire(home.database, in(20s)));
  ASSERT_TRUE(lease) << lease.error().detail;
  const auto text = run((*lease)->query("SELECT $1::text", {"\u20ac \u65e5\u672c \U0001f512"}, in(20s)));
  ASSERT_TRUE(text) << text.error().detail;
  EXPECT_EQ(text->rows.at(0).at(0), "\u20ac \u65e5\u672c \U0001f512");
}

TEST_F(WorkspacesTest, AreListedByNameInPages) {
  Pod pod(context_, *server_);
  must_create(pod, "b");
  sql("INSERT INTO storagepool_workspaces (name, state) VALUES ('a-1', 'deleting'), ('a0', 'creating'), "
      "('gone', 'deleted'), ('0', 'ready')",
      "audit");
  const auto names = [&](std::int64_t limit, const std::string& after) {
    std::vector<std::string> result;
    const auto page = run(pod.workspaces.list(limit, after, in(20s)));
    for (const Workspace& workspace : *page) result.push_back(workspace.name);
    return result;
  };
  EXPECT_THAT(names(1000, ""), ElementsAre("0", "a-1", "a0", "b"));
  EXPECT_THAT(names(2, ""), ElementsAre("0", "a-1"));
  EXPECT_THAT(names(2, "a-1"), ElementsAre("a0", "b"));
  EXPECT_THAT(names(2, "b"), IsEmpty());
}

TEST_F(WorkspacesTest, AreCountedByStateWhileTheRegistryCanBeRead) {
  auto options = testing::hasty();
  options.drop_after = 1h;
  options.finish_after = 1h;
  Pod pod(context_, *server_, {.acquire_timeout = 2s}, options);
  EXPECT_EQ(pod.workspaces.counts(), std::nullopt);
  pod.start();
  wait_until([&] { return pod.workspaces.counts().has_value(); });
  EXPECT_EQ(pod.workspaces.counts(), WorkspaceCounts{});  // there is not even a registry

  must_create(pod, "a");
  must_create(pod, "b");
  sql("INSERT INTO storagepool_workspaces (name, state) VALUES ('c', 'creating'), ('gone', 'deleted')",
      "audit");
  const auto become = [&](const WorkspaceCounts& expected) {
    wait_until([&] { return pod.workspaces.counts() == expected; });
  };
  become({.creating = 1, .ready = 2});
  EXPECT_EQ(*run(pod.workspaces.remove("b", in(20s))), Removal::kDropping);
  become({.creating = 1, .ready = 1, .deleting = 1});
  server_->stop();
  wait_until([&] { return !pod.workspaces.counts(); });
  server_->start();
  become({.creating = 1, .ready = 1, .deleting = 1});
}

TEST_F(WorkspacesTest, WithHostileNamesAreRefusedBeforeAnythingHappens) {
  Pod pod(context_, *server_);
  for (const std::string& name :
       {std::string("a'; drop"), std::string("A"), std::string(41, 'x'), std::string("-a"), std::string("a-"),
        std::string("a_b"), std::string("%61"), std::string(), std::string("a\0b", 3)}) {
    EXPECT_EQ(kind(run(pod.workspaces.create(name, in(20s)))), Kind::kInvalidName) << name;
    EXPECT_EQ(kind(run(pod.workspaces.resolve(name, in(20s)))), Kind::kInvalidName) << name;
    EXPECT_EQ(kind(run(pod.workspaces.get(name, in(20s)))), Kind::kInvalidName) << name;
    EXPECT_EQ(kind(run(pod.workspaces.remove(name, in(20s)))), Kind::kInvalidName) << name;
  }
  EXPECT_EQ(pod.engine.statistics().open_high_water, 0);
}

TEST_F(WorkspacesTest, OfAnySystemDatabaseAreQuoted) {
  const std::string system = "o\"d'd \\ $1 %I";
  sql("CREATE DATABASE \"o\"\"d'd \\ $1 %I\" OWNER app");
  {
    Pod pod(context_, *server_, {}, testing::hasty(), system);
    EXPECT_TRUE(must_create(pod, "w-1").created);
    EXPECT_EQ(run(pod.workspaces.resolve("w-1", in(20s))).value().database, system + "_ws_w_1");
    EXPECT_EQ(databases().size(), 1U);
    EXPECT_EQ(*run(pod.workspaces.remove("w-1", in(20s))), Removal::kDropping);
    pod.start();
    wait_until([&] { return *run(pod.workspaces.remove("w-1", in(20s))) == Removal::kGone; });
    EXPECT_THAT(databases(), IsEmpty());
  }
  sql("DROP DATABASE \"o\"\"d'd \\ $1 %I\"");
}

TEST_F(WorkspacesTest, NeedARoleThatMayMakeDatabases) {
  Pod pod(context_, *server_);
  sql("ALTER ROLE app NOCREATEDB");
  const auto refused = run(pod.workspaces.create("w", in(20s)));
  sql("ALTER ROLE app CREATEDB");
  ASSERT_EQ(kind(refused), Kind::kNotPermitted);
  EXPECT_THAT(refused.error().detail, HasSubstr("CREATEDB"));
  EXPECT_EQ(states(), "");
  EXPECT_TRUE(must_create(pod, "w").created);
}

TEST_F(WorkspacesTest, NeverTakeOrDropWhatIsAnotherSystemDatabases) {
  sql("CREATE DATABASE audit_ws OWNER app");
  {
    Pod first(context_, *server_);
    Pod second(context_, *server_, {}, testing::hasty(), "audit_ws");
    must_create(first, "ws-x");
    EXPECT_EQ(kind(run(second.workspaces.create("x", in(20s)))), Kind::kTaken);
    EXPECT_EQ(kind(run(second.workspaces.get("x", in(20s)))), Kind::kNotFound);
    sql("INSERT INTO storagepool_workspaces (name, state) VALUES ('x', 'deleting')", "audit_ws");
    sql("UPDATE storagepool_workspaces SET changed_at = now() - interval '1 hour'", "audit_ws");
    EXPECT_EQ(run(second.workspaces.finish_pending(in(20s)))->finished, 1);
    EXPECT_EQ(*run(second.workspaces.remove("x", in(20s))), Removal::kGone);
    EXPECT_THAT(databases(), ElementsAre("audit_ws_ws_x"));
  }
  sql("DROP DATABASE audit_ws WITH (FORCE)");
}

TEST_F(WorkspacesTest, AreKnownWithoutAskingWhileTheServerIsAway) {
  auto options = testing::hasty();
  options.recheck_after = 0ms;
  Pod pod(context_, *server_, {.acquire_timeout = 2s}, options);
  must_create(pod, "w");
  server_->stop();
  const auto known = run(pod.workspaces.resolve("w", in(20s)));
  const auto unknown = run(pod.workspaces.resolve("other", in(20s)));
  server_->start();
  EXPECT_EQ(known.value().database, "audit_ws_w");
  ASSERT_EQ(kind(unknown), Kind::kUnavailable);
  EXPECT_GE(unknown.error().retry_after, 1s);
}

TEST_F(WorkspacesTest, BelievedInNeedNoStatement) {
  auto options = testing::hasty();
  options.recheck_after = 1h;
  Pod pod(context_, *server_, {}, options);
  must_create(pod, "w");
  sql("UPDATE storagepool_workspaces SET state = 'deleting'", "audit");
  EXPECT_EQ(run(pod.workspaces.resolve("w", in(20s))).value().database, "audit_ws_w");
  pod.workspaces.forget("w");
  EXPECT_EQ(kind(run(pod.workspaces.resolve("w", in(20s)))), Kind::kDeleting);
}

TEST_F(WorkspacesTest, AreAskedForAgainAfterAWhile) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  sql("UPDATE storagepool_workspaces SET state = 'deleting'", "audit");
  wait_until([&] { return kind(run(pod.workspaces.resolve("w", in(20s)))) == Kind::kDeleting; });
}

TEST_F(WorkspacesTest, DroppedByAnotherPodEndInNotFound) {
  auto options = testing::hasty();
  options.recheck_after = 1h;
  Pod user(context_, *server_, {}, options);
  must_create(user, "w");
  {
    const auto lease = run(user.engine.acquire("audit_ws_w", in(20s)));
    ASSERT_TRUE(lease);
  }
  {
    Pod dropper(context_, *server_);
    EXPECT_EQ(*run(dropper.workspaces.remove("w", in(20s))), Removal::kDropping);
    dropper.start();
    wait_until([&] { return *run(dropper.workspaces.remove("w", in(20s))) == Removal::kGone; });
  }
  EXPECT_EQ(run(user.workspaces.resolve("w", in(20s))).value().database, "audit_ws_w");
  EXPECT_FALSE(run(user.engine.acquire("audit_ws_w", in(20s))));
  user.workspaces.forget("w");
  EXPECT_EQ(kind(run(user.workspaces.resolve("w", in(20s)))), Kind::kNotFound);

  // Made again by this pod, whose engine still remembers that there was no such database.
  EXPECT_TRUE(must_create(user, "w").created);
  EXPECT_TRUE(run(user.engine.acquire("audit_ws_w", in(20s))));
}

TEST_F(WorkspacesTest, OfAnOlderReleaseAreMigratedOnTheirFirstUse) {
  {
    Pod older(context_, *server_);
    must_create(older, "w");
    lose_schema("audit_ws_w");
    EXPECT_EQ(run(older.workspaces.resolve("w", in(20s))).value().database, "audit_ws_w");
    EXPECT_FALSE(has_schema("audit_ws_w"));  // once in a process
  }
  Pod newer(context_, *server_);
  EXPECT_EQ(run(newer.workspaces.resolve("w", in(20s))).value().database, "audit_ws_w");
  EXPECT_TRUE(has_schema("audit_ws_w"));
}

TEST_F(WorkspacesTest, WithoutTheirDatabaseAreUnavailable) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  sql("DROP DATABASE audit_ws_w WITH (FORCE)");
  Pod other(context_, *server_);
  const auto lost = run(other.workspaces.resolve("w", in(3s)));
  ASSERT_EQ(kind(lost), Kind::kUnavailable);
  EXPECT_THAT(lost.error().detail, HasSubstr("the database does not exist"));
}

}  // namespace
}  // namespace storagepool::workspaces
