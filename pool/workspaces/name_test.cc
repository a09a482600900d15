#include "pool/workspaces/name.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::workspaces {
namespace {

using ::testing::HasSubstr;

TEST(WorkspaceName, TakesWhatTheContractAllows) {
  for (const std::string& good : {std::string("a"), std::string("0"), std::string("a-b"), std::string("a--b"),
                                  std::string("team-42"), std::string(40, 'x')}) {
    EXPECT_TRUE(is_workspace_name(good)) << good;
  }
}

TEST(WorkspaceName, RefusesEverythingElse) {
  for (const std::string& bad :
       {std::string(), std::string("A"), std::string("-a"), std::string("a-"), std::string("-"),
        std::string("a_b"), std::string("a b"), std::string("a'; DROP DATABASE x; --"), std::string("a\"b"),
        std::string("a.b"), std::string("a/b"), std::string("../a"), std::string("é"), std::string("a\n"),
        std::string("a\0b", 3), std::string("a\0", 2), std::string(41, 'x'), std::string("%61")}) {
    EXPECT_FALSE(is_workspace_name(bad)) << bad;
    const auto database = workspace_database("audit", bad);
    ASSERT_FALSE(database) << bad;
    EXPECT_THAT(database.error(), HasSubstr("allowed: 1 to 40 of a-z, 0-9 and -"));
  }
}

TEST(WorkspaceDatabase, IsNamedAfterTheSystemDatabase) {
  EXPECT_EQ(workspace_database("audit", "team-a"), "audit_ws_team_a");
  EXPECT_EQ(workspace_database("my-audit", "a--b"), "my-audit_ws_a__b");
}

TEST(WorkspaceDatabase, TellsTheName) {
  for (const std::string name : {"a", "team-a", "a--b", "x-ws-y"})
    EXPECT_EQ(workspace_of("my-audit", workspace_database("my-audit", name).value()), name);
}

TEST(WorkspaceDatabase, IsAnotherForEveryName) {
  std::vector<std::string> names{""};
  for (int length = 0; length < 4; ++length) {
    const std::vector<std::string> shorter = names;
    for (const std::string& name : shorter) {
      for (const char c : {'a', '0', '-'}) names.push_back(name + c);
    }
  }
  std::set<std::string> distinct;
  std::set<std::string> databases;
  for (const std::string& name : names) {
    const auto database = workspace_database("audit", name);
    if (!database) continue;
    distinct.insert(name);
    databases.insert(*database);
  }
  EXPECT_GT(distinct.size(), 40U);
  EXPECT_EQ(databases.size(), distinct.size());
}

TEST(WorkspaceDatabase, NeverExceedsWhatPostgresqlKeepsOfAName) {
  const std::string system(40, 's');
  EXPECT_EQ(workspace_database(system, std::string(19, 'x'))->size(), 63U);
  const auto over = workspace_database(system, std::string(20, 'x'));
  ASSERT_FALSE(over);
  EXPECT_THAT(over.error(), HasSubstr("64 bytes"));
  EXPECT_THAT(over.error(), HasSubstr("at most 19 characters"));
  const auto none = workspace_database(std::string(63, 's'), "a");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error(), HasSubstr("no name at all"));
}

}  // namespace
}  // namespace storagepool::workspaces
