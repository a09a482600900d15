// A registry that is lost or cannot be read is waited for: it does not say that there are no workspaces.
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/workspaces/testing/workspace_pod.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::workspaces {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using testing::Pod;
using Kind = Error::Kind;
using ::testing::HasSubstr;

class WorkspaceRegistryTest : public testing::WorkspaceTest {
 protected:
  // What a pod says of the workspace "w" that it has not seen, and of all.
  void expect_awaited(const std::string& reason) {
    Pod pod(context_, *server_);
    Workspaces& asked = pod.workspaces;
    expect(run(asked.resolve("w", in(20s))), reason);
    expect(run(asked.get("w", in(20s))), reason);
    expect(run(asked.remove("w", in(20s))), reason);
  }
  void expect_unreadable(const std::string& reason) {
    expect_awaited(reason);
    Pod pod(context_, *server_);
    Workspaces& asked = pod.workspaces;
    expect(run(asked.list(10, "", in(20s))), reason);
    for (const char* name : {"w", "new"}) expect(run(asked.create(name, in(20s))), reason);
    expect(run(asked.finish_pending(in(20s))), reason);
    expect(run(asked.maintain({}, in(20s))), reason);
  }
  template <typename T>
  static void expect(const tl::expected<T, Error>& answer, const std::string& reason) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, Kind::kUnavailable);
    EXPECT_TRUE(answer.error().needs_person);
    EXPECT_GE(answer.error().retry_after, 1s);
    EXPECT_THAT(answer.error().detail, HasSubstr(reason));
  }
  // What a pod says that knew "w" before, with a registry that it asks each time.
  struct Before {
    Pod& pod;
    std::string incarnation;
  };
  void expect_known(const Before& before) {
    before.pod.workspaces.forget("w");
    const auto home = run(before.pod.workspaces.resolve("w", in(20s)));
    ASSERT_TRUE(home) << home.error().detail;
    EXPECT_EQ(home->database, "audit_ws_w");
    EXPECT_EQ(home->incarnation, before.incarnation);
  }
};

TEST_F(WorkspaceRegistryTest, WithoutItsTableKnowsNothingOfWhatIsNotThere) {
  Pod user(context_, *server_);
  must_create(user, "w");
  const Before before{user, run(user.workspaces.resolve("w", in(20s))).value().incarnation};
  sql("ALTER TABLE storagepool_workspaces RENAME TO elsewhere", "audit");
  expect_unreadable("there is no table storagepool_workspaces");
  expect_known(before);
  sql("ALTER TABLE elsewhere RENAME TO storagepool_workspaces", "audit");
  expect_known(before);
  EXPECT_EQ(states(), "w ready");
  EXPECT_FALSE(must_create(user, "w").created);
  EXPECT_TRUE(must_create(user, "new").created);
}

TEST_F(WorkspaceRegistryTest, ThatMayNotBeReadKnowsNothingOfWhatIsNotThere) {
  Pod user(context_, *server_);
  must_create(user, "w");
  const Before before{user, run(user.workspaces.resolve("w", in(20s))).value().incarnation};
  for (const char* privilege : {"SELECT", "ALL"}) {
    sql("REVOKE " + std::string(privilege) + " ON storagepool_workspaces FROM app", "audit");
    expect_unreadable("(42501)");
    expect_known(before);
  }
  sql("GRANT ALL ON storagepool_workspaces TO app", "audit");
  EXPECT_FALSE(must_create(user, "w").created);
}

TEST_F(WorkspaceRegistryTest, WithoutTheRowOfADatabaseThatIsThereIsNotBelieved) {
  Pod user(context_, *server_);
  must_create(user, "w");
  sql("DELETE FROM storagepool_workspaces", "audit");
  expect_awaited("knows no workspace w, but its database is there");
  EXPECT_EQ(run(user.workspaces.get("x", in(20s))).error().kind, Kind::kNotFound);
  EXPECT_TRUE(must_create(user, "w").created);  // a way to mend it
  EXPECT_EQ(run(user.workspaces.get("w", in(20s)))->state, WorkspaceState::kReady);
}

TEST_F(WorkspaceRegistryTest, OfAnotherSystemDatabaseIsNotMissed) {
  sql("CREATE DATABASE other OWNER app");
  {
    Pod pod(context_, *server_);
    Pod other(context_, *server_, {}, testing::hasty(), "other");
    must_create(other, "w");
    EXPECT_EQ(run(pod.workspaces.get("w", in(20s))).error().kind, Kind::kNotFound);
    EXPECT_TRUE(run(pod.workspaces.list(10, "", in(20s)))->empty());
  }
  sql("DROP DATABASE other WITH (FORCE)");
}

TEST_F(WorkspaceRegistryTest, TellsWhatAPersonHasToMend) {
  Pod pod(context_, *server_);
  std::optional<std::string> told;
  pod.workspaces.on_registry([&](const Error* error) { told = error == nullptr ? "" : error->detail; });
  pod.start();
  must_create(pod, "w");
  wait_until([&] { return told == ""; });
  sql("REVOKE ALL ON storagepool_workspaces FROM app", "audit");
  wait_until([&] { return told && told->find("(42501)") != std::string::npos; });
  EXPECT_EQ(pod.workspaces.counts(), std::nullopt);
  sql("GRANT ALL ON storagepool_workspaces TO app", "audit");
  wait_until([&] { return told == ""; });
  server_->stop();
  EXPECT_FALSE(run(pod.workspaces.get("w", in(500ms))));
  EXPECT_EQ(told, "");  // PostgreSQL is away
  server_->start();
}

}  // namespace
}  // namespace storagepool::workspaces
