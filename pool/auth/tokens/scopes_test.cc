#include "pool/auth/tokens/scopes.h"

#include <gmock/gmock.h>

#include "pool/auth/tokens/glob.h"

namespace storagepool::auth {
namespace {

TEST(MatchesGlob, KnowsStarsAndQuestionMarksOnly) {
  for (const auto& [glob, text] : {std::pair{"*", ""},
                                   {"*", "abc"},
                                   {"a*", "a"},
                                   {"a*c", "abc"},
                                   {"a?c", "abc"},
                                   {"*b*", "abc"},
                                   {"**", "x"},
                                   {"", ""},
                                   {"a*b*c", "a-b-b-c"},
                                   {"[a]", "[a]"}}) {
    EXPECT_TRUE(matches_glob(glob, text)) << glob << " " << text;
  }
  for (const auto& [glob, text] : {std::pair{"", "a"},
                                   {"?", ""},
                                   {"a", "ab"},
                                   {"ab", "a"},
                                   {"a?c", "ac"},
                                   {"*b", "abc"},
                                   {"a*c", "ab"},
                                   {"[ab]", "a"},
                                   {"A", "a"}}) {
    EXPECT_FALSE(matches_glob(glob, text)) << glob << " " << text;
  }
  EXPECT_FALSE(matches_glob(std::string(200, '*') + "b", std::string(2000, 'a')));
}

TEST(AddScope, EachGivesOneThing) {
  http::Access access = http::no_access();
  EXPECT_FALSE(add_scope(access, "Read"));
  EXPECT_FALSE(add_scope(access, ""));
  EXPECT_FALSE(access.read || access.write || access.admin || access.sensitive || access.figures);
  EXPECT_TRUE(add_scope(access, "admin"));
  EXPECT_TRUE(access.admin);
  EXPECT_FALSE(access.read || access.write || access.sensitive);
  EXPECT_TRUE(add_scope(access, "sensitive"));
  EXPECT_TRUE(access.sensitive);
  EXPECT_FALSE(access.read);
  EXPECT_TRUE(add_scope(access, "read") && add_scope(access, "write"));
  EXPECT_TRUE(access.read && access.write);
}

TEST(AddScope, ReadContainsVerifyAndExport) {
  http::Access reader = http::no_access();
  EXPECT_FALSE(reader.verify || reader.take_all);
  EXPECT_TRUE(add_scope(reader, "read"));
  EXPECT_TRUE(reader.verify && reader.take_all);
  http::Access verifier = http::no_access();
  EXPECT_TRUE(add_scope(verifier, "verify"));
  EXPECT_TRUE(verifier.verify);
  EXPECT_FALSE(verifier.read || verifier.take_all);
  http::Access exporter = http::no_access();
  EXPECT_TRUE(add_scope(exporter, "export"));
  EXPECT_TRUE(exporter.take_all);
  EXPECT_FALSE(exporter.read || exporter.verify);
}

TEST(MayGoTo, EverywhereOrWhereTheListSays) {
  http::Access access;
  EXPECT_TRUE(may_go_to(access, ""));
  EXPECT_TRUE(may_go_to(access, "team-a"));
  access.workspaces = {"team-a", "dev-*"};
  EXPECT_TRUE(may_go_to(access, "team-a"));
  EXPECT_TRUE(may_go_to(access, "dev-1"));
  EXPECT_FALSE(may_go_to(access, "team-b"));
  EXPECT_FALSE(may_go_to(access, ""));
  access.workspaces = {"*"};
  EXPECT_TRUE(may_go_to(access, "team-b"));
  EXPECT_FALSE(may_go_to(access, ""));
  access.workspaces = {"_system"};
  EXPECT_TRUE(may_go_to(access, ""));
  EXPECT_FALSE(may_go_to(access, "team-a"));
  access.workspaces.emplace();
  EXPECT_FALSE(may_go_to(access, ""));
  EXPECT_FALSE(may_go_to(access, "team-a"));
}

TEST(IsPlace, NamesGlobsAndTheSystemDatabase) {
  for (const char* good : {"_system", "a", "team-a", "*", "team-?", "dev-*-1"})
    EXPECT_TRUE(is_place(good)) << good;
  for (const std::string& bad :
       {std::string(), std::string("_"), std::string("A"), std::string("a b"), std::string("a,b"),
        std::string("%"), std::string("_syste?"), std::string(41, 'a')}) {
    EXPECT_FALSE(is_place(bad)) << bad;
  }
}

}  // namespace
}  // namespace storagepool::auth
