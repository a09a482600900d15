#include "operator/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "operator/cli/testing/recorded.h"

namespace storagepool::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace testing;

std::vector<std::string> offered(const std::vector<std::string>& words) {
  Options options;
  Actions actions;
  const auto app = make_app(options, actions);
  std::vector<std::string> found;
  for (const Candidate& candidate : complete(*app, words, [] {
         return std::vector<std::string>{"audit", "billing"};
       }))
    found.push_back(candidate.word);
  return found;
}

TEST(Completion, OffersCommands) {
  EXPECT_THAT(offered({""}), AllOf(Contains("status"), Contains("pause"), Not(Contains("audit"))));
  EXPECT_THAT(offered({"sta"}), ElementsAre("status"));
  EXPECT_THAT(offered({"-n", "status", "res"}), ElementsAre("resume"));
}

TEST(Completion, OffersNamesWhereOneMayStand) {
  EXPECT_THAT(offered({"status", ""}), ElementsAre("audit", "billing"));
  EXPECT_THAT(offered({"status", "-n", "x", "b"}), ElementsAre("billing"));
  EXPECT_THAT(offered({"completion", "f"}), ElementsAre("fish"));
}

TEST(Completion, OffersFlagsAndTheirValues) {
  EXPECT_THAT(offered({"status", "--cont"}), ElementsAre("--context"));
  EXPECT_THAT(offered({"status", "-o", ""}), ElementsAre("table", "json", "yaml"));
  EXPECT_THAT(offered({"status", "--kubeconfig", ""}), IsEmpty());
}

TEST(Completion, AsksTheClusterThatTheWordsName) {
  Recording recording;
  recording.answer("get storagepools.storagepool.dev -n team -o json",
                   Json{{"items", {storage_pool("audit", settled_status())}}}.dump());
  EXPECT_EQ(run_recorded(recording, {"__complete", "status", "-n", "team", ""}).out, "audit\n:0\n");
  const Said nothing = run_recorded(recording, {"__complete", "status", "-n", "other", ""});
  EXPECT_EQ(nothing.out, ":0\n");
  EXPECT_EQ(nothing.err, "");
}

TEST(Completion, HasAScriptForEachShell) {
  for (const char* shell : {"bash", "zsh", "fish", "kubectl"}) {
    EXPECT_THAT(completion_script(shell), HasSubstr("__complete")) << shell;
    Recording recording;
    EXPECT_EQ(run_recorded(recording, {"completion", shell}).exit_code, kGood);
  }
  Recording recording;
  const Said said = run_recorded(recording, {"completion", "tcsh"});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("tcsh"));
}

}  // namespace
}  // namespace storagepool::cli
