#include "operator/reconcile/view/trouble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Json pod_with_container(const Json& container) {
  return {{"metadata", {{"name", "audit-0"}}},
          {"spec", {{"nodeName", "n"}}},
          {"status", {{"phase", "Pending"}, {"containerStatuses", {container}}}}};
}

Json waiting_container(const char* reason, const char* message) {
  return {{"image", "docker.io/storagepool/no-such:1"},
          {"ready", false},
          {"state", {{"waiting", {{"reason", reason}, {"message", message}}}}}};
}

Trouble trouble_of(const Json& container) {
  return trouble_of_pod(pod_with_container(container)).value_or(Trouble{});
}

Json event_about(const char* reason, const char* time, const std::string& note) {
  return {{"reason", reason},
          {"type", std::string(reason).starts_with("Failed") ? "Warning" : "Normal"},
          {"deprecatedLastTimestamp", time},
          {"note", note}};
}

std::string refusal_of(const std::string& pod, const std::string& words) {
  return "create Pod " + pod + " in StatefulSet audit failed error: pods \"" + pod + "\" " + words;
}

TEST(Trouble, OfSchedulingIsTheSchedulersWord) {
  const Json pod{{"metadata", {{"name", "audit-1"}}},
                 {"status",
                  {{"phase", "Pending"},
                   {"conditions",
                    {{{"type", "PodScheduled"},
                      {"status", "False"},
                      {"reason", "Unschedulable"},
                      {"message", "0/3 nodes are available: 3 Insufficient cpu."}}}}}}};
  const auto trouble = trouble_of_pod(pod);
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->reason, "Unschedulable");
  EXPECT_EQ(trouble->message, "audit-1: 0/3 nodes are available: 3 Insufficient cpu.");
  EXPECT_FALSE(trouble->lasting) << "an autoscaler may bring a node";
  EXPECT_FALSE(is_being_created(pod));
}

// The kubelet says them in turns: neither changes what is told.
TEST(Trouble, OfAnImageIsTheSameDuringAPullAndItsBackOff) {
  const std::string words =
      "failed to pull and unpack image \"docker.io/storagepool/no-such:1\": failed to resolve reference: not "
      "found";
  const Trouble pull = trouble_of(waiting_container("ErrImagePull", words.c_str()));
  const std::string repeated =
      "Back-off pulling image \"docker.io/storagepool/no-such:1\": ErrImagePull: " + words;
  const Trouble back_off = trouble_of(waiting_container("ImagePullBackOff", repeated.c_str()));
  EXPECT_EQ(pull, back_off);
  EXPECT_EQ(pull.reason, "ImagePullBackOff");
  EXPECT_THAT(pull.message, AllOf(HasSubstr("audit-0: image docker.io/storagepool/no-such:1: "),
                                  HasSubstr("failed to resolve reference: not found")));
  EXPECT_TRUE(pull.lasting);
}

TEST(Trouble, OfAnImageLastsWhereTimeDoesNotHelp) {
  for (const auto& [reason, message, lasting] :
       {std::tuple{"InvalidImageName", "couldn't parse image name \"A:B:C\"", true},
        std::tuple{"ErrImagePull", "pull access denied, repository does not exist", true},
        std::tuple{"ErrImagePull", "401 Unauthorized: unauthorized", true},
        std::tuple{"ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", false},
        std::tuple{"RegistryUnavailable", "the registry is away", false}}) {
    EXPECT_EQ(trouble_of(waiting_container(reason, message)).lasting, lasting) << message;
  }
  EXPECT_EQ(trouble_of(waiting_container("InvalidImageName", "m")).reason, "InvalidImageName");
}

TEST(Trouble, OfAContainerThatCannotBeMade) {
  const Trouble trouble =
      trouble_of(waiting_container("CreateContainerConfigError", "secret \"creds\" not found"));
  EXPECT_EQ(trouble.reason, "CreateContainerConfigError");
  EXPECT_EQ(trouble.message, "audit-0: secret \"creds\" not found");
}

TEST(Trouble, OfACrashHasTheExitCodeAndTheLastWords) {
  Json container = waiting_container("CrashLoopBackOff", "back-off 5m0s restarting failed container");
  container["lastState"]["terminated"] = {
      {"exitCode", 2}, {"reason", "Error"}, {"message", "config.yaml:\n\tpostgres.host is missing\n"}};
  const Trouble trouble = trouble_of(container);
  EXPECT_EQ(trouble.reason, "CrashLoopBackOff");
  EXPECT_EQ(trouble.message,
            "audit-0: the container ended with exit code 2 (Error): config.yaml: postgres.host is missing");

  container["lastState"]["terminated"] = {{"exitCode", 137}, {"reason", "OOMKilled"}};
  EXPECT_EQ(trouble_of(container).reason, "OOMKilled");
  EXPECT_THAT(trouble_of(container).message, HasSubstr("exit code 137 (OOMKilled)"));

  container["state"] = {{"running", {{"startedAt", "2026-01-01T00:00:00Z"}}}};
  EXPECT_EQ(trouble_of(container).running_since, runtime::parse_timestamp("2026-01-01T00:00:00Z"));
  container["lastState"]["terminated"] = {{"exitCode", 0}, {"reason", "Completed"}};
  EXPECT_EQ(trouble_of(container), Trouble{});
}

TEST(Trouble, OfAnEvictedPodIsTheNodesWord) {
  const Json pod{{"metadata", {{"name", "audit-0"}}},
                 {"status",
                  {{"phase", "Failed"},
                   {"reason", "Evicted"},
                   {"message", "The node was low on resource: ephemeral-storage."}}}};
  const auto trouble = trouble_of_pod(pod);
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->reason, "Evicted");
  EXPECT_EQ(trouble->message, "audit-0: The node was low on resource: ephemeral-storage.");
}

TEST(Trouble, APodThatIsBeingCreatedSaysNothing) {
  const Json pod = pod_with_container(waiting_container("ContainerCreating", ""));
  EXPECT_FALSE(trouble_of_pod(pod));
  EXPECT_TRUE(is_being_created(pod));
  EXPECT_FALSE(is_being_created(pod_with_container(waiting_container("ErrImagePull", ""))));
}

TEST(Trouble, OfCreationIsTheServersWord) {
  const auto found = [](const std::string& words) {
    return trouble_of_creation(
               {event_about("FailedCreate", "2026-01-01T00:00:00Z", refusal_of("audit-0", words))}, "audit-0")
        .value_or(Trouble{});
  };
  const Trouble quota = found("is forbidden: exceeded quota: q, requested: pods=1, used: pods=2");
  EXPECT_EQ(quota.reason, "QuotaExceeded");
  EXPECT_EQ(quota.message,
            "audit-0: pods \"audit-0\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2");
  EXPECT_TRUE(quota.lasting);
  EXPECT_TRUE(found("is forbidden: violates PodSecurity \"restricted:latest\"").lasting);
  EXPECT_TRUE(found("is forbidden: maximum cpu usage per Container is 1").lasting);
  EXPECT_TRUE(found("admission webhook \"w\" denied the request: no").lasting);
  EXPECT_EQ(found("Internal error occurred: failed calling webhook \"w\"").reason, "FailedCreate");
  EXPECT_FALSE(found("Internal error occurred: failed calling webhook \"w\": denied the request").lasting);
  EXPECT_FALSE(found("is forbidden: error looking up service account team/audit: not found").lasting);
}

TEST(Trouble, OfCreationIsOverWhenThePodWasMadeSince) {
  const std::vector<Json> events{
      event_about("FailedCreate", "2026-01-01T00:00:05Z", refusal_of("audit-0", "is forbidden: old")),
      event_about("SuccessfulCreate", "2026-01-01T00:00:09Z",
                  "create Pod audit-0 in StatefulSet audit successful"),
      event_about("FailedCreate", "2026-01-01T00:00:07Z", refusal_of("audit-10", "is forbidden: new"))};
  EXPECT_FALSE(trouble_of_creation(events, "audit-0"));
  EXPECT_FALSE(trouble_of_creation(events, "audit-1"));
  EXPECT_TRUE(trouble_of_creation(events, "audit-10"));
  EXPECT_FALSE(trouble_of_creation({}, "audit-0"));
  EXPECT_FALSE(trouble_of_creation({Json(), Json::array(), Json{{"reason", 7}}}, "audit-0"));
}

TEST(Trouble, OfAStartIsTheLatestWarning) {
  const auto trouble = trouble_of_start(
      {event_about("FailedScheduling", "2026-01-01T00:00:09Z", "no node"),
       event_about("FailedMount", "2026-01-01T00:00:02Z", "MountVolume.SetUp failed: secret \"x\" not found"),
       event_about("FailedAttachVolume", "2026-01-01T00:00:01Z", "older"),
       event_about("Pulling", "2026-01-01T00:00:08Z", "Pulling image")},
      "audit-2");
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->reason, "FailedMount");
  EXPECT_EQ(trouble->message, "audit-2: MountVolume.SetUp failed: secret \"x\" not found");
}

TEST(Trouble, WordsAreBoundedAndOfOneLine) {
  EXPECT_EQ(cluster_words(" a\n\tb\x1b[31mc\x7f "), "a b [31mc");
  const std::string words = cluster_words(std::string(511, 'x') + "ä" + std::string(4096, 'y'));
  EXPECT_EQ(words, std::string(511, 'x') + "…");
  EXPECT_THAT(trouble_of(waiting_container("ErrImagePull", std::string(9999, 'z').c_str())).message.size(),
              ::testing::Lt(600U));
}

TEST(Trouble, WhatHasAnotherShapeSaysNothing) {
  for (const Json& pod :
       {Json(), Json::array(), Json{{"status", 7}}, Json{{"status", {{"containerStatuses", "x"}}}},
        Json{{"status",
              {{"conditions", {nullptr, 7, Json::array()}}, {"containerStatuses", {nullptr, 3}}}}}}) {
    EXPECT_FALSE(trouble_of_pod(pod)) << pod;
    EXPECT_FALSE(is_being_created(pod)) << pod;
  }
}

}  // namespace
}  // namespace storagepool::reconcile
