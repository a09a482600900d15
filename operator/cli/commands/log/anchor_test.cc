#include "operator/cli/commands/log/anchor.h"

#include <gtest/gtest.h>

#include "operator/cli/testing/small_log.h"

namespace storagepool::cli {
namespace {

using namespace testing;

TEST(Anchors, AreReadAsTheyAreWritten) {
  SmallLog log;
  for (int i = 0; i < 5; ++i) log.add("{}");
  const std::vector<Step> steps{log.step(1, 2), log.step(2, 5)};
  const auto read = read_anchor(Json::parse(anchor_line("an \"event\"", steps)).at("anchor"));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->event, "an \"event\"");
  ASSERT_EQ(read->steps.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->steps[i].from, steps[i].from);
    EXPECT_EQ(read->steps[i].to, steps[i].to);
    EXPECT_EQ(read->steps[i].path, steps[i].path);
  }
}

TEST(Anchors, AreRefusedWhereSomethingCannotBeRead) {
  for (const char* bad :
       {"null", "[]", "{}", R"({"event":1,"continued":[]})", R"({"event":""})",
        R"({"event":"","continued":{}})", R"({"event":"","continued":[{"from":0,"to":1,"path":[]}]})",
        R"({"event":"","continued":[{"from":-1,"to":1,"path":[]}]})",
        R"({"event":"","continued":[{"from":1,"to":2}]})",
        R"({"event":"","continued":[{"from":1,"to":2,"path":["AA=="]}]})",
        R"({"event":"","continued":[{"from":1,"to":2,"path":[1]}]})"})
    EXPECT_FALSE(read_anchor(Json::parse(bad))) << bad;
}

TEST(Anchors, AreThoseOfTheLogThatIsAskedFor) {
  SmallLog log("log.example/audit/ws/team-a/1");
  log.add("{}");
  const Json item{{"event_data", Json::parse(log.anchor())}};
  const auto found = anchored_in(item, log.key().name());
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, std::pair(std::uint64_t{1}, log.tree().root()));
  EXPECT_FALSE(anchored_in(item, "log.example/audit/ws/team-a/2"));
  for (const char* bad : {"null", "1", R"({"event_data":{"logs":1}})", R"({"event_data":{"logs":[1]}})",
                          R"({"event_data":{"logs":[{"origin":"o","size":0,"root":""}]}})",
                          R"({"event_data":{"logs":[{"origin":"o","size":1,"root":"AA=="}]}})"})
    EXPECT_FALSE(anchored_in(Json::parse(bad), "o")) << bad;
}

TEST(Anchors, StepsLeadFromEachSizeToTheNext) {
  SmallLog log;
  for (int i = 0; i < 7; ++i) log.add("{}");
  Roots roots;
  for (const std::uint64_t size : {2U, 3U, 7U}) roots[size] = log.tree().root(size);
  EXPECT_TRUE(continues(roots, {log.step(2, 3), log.step(3, 7)}));
  EXPECT_FALSE(continues(roots, {log.step(2, 3)}));
  EXPECT_FALSE(continues(roots, {log.step(2, 7)}));
  EXPECT_FALSE(continues(roots, {log.step(2, 3), log.step(3, 7), log.step(6, 7)}));
  Roots other = roots;
  other[3] = log.tree().root(2);
  EXPECT_FALSE(continues(other, {log.step(2, 3), log.step(3, 7)}));
  EXPECT_TRUE(continues({{2, log.tree().root(2)}}, {}));
  EXPECT_FALSE(continues({{2, log.tree().root(2)}}, {log.step(2, 3)}));
}

}  // namespace
}  // namespace storagepool::cli
