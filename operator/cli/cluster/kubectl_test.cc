#include "operator/cli/cluster/kubectl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <chrono>
#include <fstream>

#include "operator/cli/cluster/child.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class KubectlTest : public ::testing::Test {
 protected:
  // A program in place of kubectl.
  std::string program(const std::string& script) {
    const std::string path = folder_ / "kubectl";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    ::chmod(path.c_str(), 0700);
    return path;
  }

  runtime::testing::TemporaryFolder folder_;
};

TEST_F(KubectlTest, HandsOnHowTheClusterIsReached) {
  const Kubectl kubectl("k", {.context = "c", .kubeconfig = "f", .request_timeout = 1500ms});
  EXPECT_THAT(kubectl.command({"get", "pods"}),
              ::testing::ElementsAre("k", "--context=c", "--kubeconfig=f", "--request-timeout=1s500ms", "get",
                                     "pods"));
}

TEST_F(KubectlTest, WordsReachItAsTheyAre) {
  const Kubectl kubectl(program("shift; printf '%s|' \"$@\"; cat"), {});
  const auto said = kubectl.run({"get", "a b", "$(false)", "'"}, "input");
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(*said, "get|a b|$(false)|'|input");
}

TEST_F(KubectlTest, ItsLastWordsAreTheError) {
  const Kubectl kubectl(
      program("echo 'Warning: x' >&2; echo 'Error from server (Forbidden): no' >&2; exit 1"), {});
  const auto said = kubectl.run({"get", "pods"});
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().kind, FailureKind::kForbidden);
  EXPECT_EQ(said.error().message, "kubectl get pods: Error from server (Forbidden): no");
}

TEST_F(KubectlTest, LongWordsAreNotRepeated) {
  const Kubectl kubectl(program("exit 3"), {});
  const auto said = kubectl.run({"patch", std::string(300, 'x')});
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().message, "kubectl patch (300 bytes): exit code 3");
}

TEST_F(KubectlTest, ThatThereIsNoneIsSaid) {
  const auto said = Kubectl(folder_ / "none", {}).run({"get"});
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().kind, FailureKind::kNoKubectl);
  EXPECT_THAT(said.error().message, AllOf(HasSubstr("/none"), HasSubstr("$KUBECTL")));
}

TEST_F(KubectlTest, TheFailuresOfTheApiServerAreToldApart) {
  EXPECT_EQ(kind_of("Error from server (NotFound): storagepools.storagepool.dev \"x\" not found"),
            FailureKind::kNotFound);
  EXPECT_EQ(kind_of("error: the server doesn't have a resource type \"storagepools\""),
            FailureKind::kNotFound);
  EXPECT_EQ(kind_of("Error from server (Forbidden): pods is forbidden"), FailureKind::kForbidden);
  EXPECT_EQ(kind_of("Unable to connect: net/http: request canceled (Client.Timeout exceeded)"),
            FailureKind::kTimedOut);
  EXPECT_EQ(kind_of("The connection to the server x was refused"), FailureKind::kOther);
}

TEST_F(KubectlTest, AProgramThatHangsIsEnded) {
  const Finished finished = run_program({program("exec sleep 600")}, {}, {.deadline = 200ms});
  EXPECT_TRUE(finished.timed_out);
  EXPECT_EQ(finished.exit_code, 128 + 9);
}

TEST_F(KubectlTest, AProgramThatDoesNotStopTalkingIsEnded) {
  const Finished finished = run_program({program("exec yes")}, {}, {.most_output_bytes = 100'000});
  EXPECT_TRUE(finished.too_long);
  EXPECT_FALSE(finished.ok());
  EXPECT_LT(finished.out.size(), 300'000U);
}

TEST_F(KubectlTest, InputLongerThanAPipeReachesIt) {
  const std::string input(1 << 20, 'x');
  EXPECT_EQ(run_program({program("cat")}, input).out, input);
  EXPECT_EQ(run_program({program("exit 0")}, input).exit_code, 0);
}

TEST_F(KubectlTest, AChildIsReadLineByLineAndEnds) {
  Child child({program("echo one; echo two; printf rest; exec sleep 600")});
  const auto until = std::chrono::steady_clock::now() + 30s;
  EXPECT_EQ(child.read_line(until), "one");
  EXPECT_EQ(child.read_line(until), "two");
  EXPECT_EQ(child.read_line(std::chrono::steady_clock::now() + 50ms), std::nullopt);
  child.kill();
  EXPECT_TRUE(child.wait_until(until));
  EXPECT_EQ(child.reap(), 128 + 9);
}

}  // namespace
}  // namespace storagepool::cli
