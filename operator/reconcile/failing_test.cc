// What stands in the way is said in the cluster's own words: pods that cannot be made or started, and
// requests that the API server refuses or does not carry out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Failing : public Reconcile {
 protected:
  // Looks, one second each, whatever comes of it.
  void look_for(int seconds) {
    for (int i = 0; i < seconds; ++i) static_cast<void>(look());
  }
  void refuse_pods(const std::string& words) {
    cluster_.about[cluster_.get("StatefulSet", "audit")["metadata"]["uid"]] = {
        {{"reason", "FailedCreate"},
         {"type", "Warning"},
         {"deprecatedLastTimestamp", "2026-01-01T00:00:00Z"},
         {"note", "create Pod audit-0 in StatefulSet audit failed error: " + words}}};
  }
  // As a pod that never ran, whose container waits for this.
  void make_wait(const std::string& name, const char* reason, const char* message) {
    Json& pod = cluster_.get("Pod", name);
    cluster_.pods.erase(pod["status"]["podIP"]);
    pod["status"] = {{"phase", "Pending"},
                     {"containerStatuses",
                      {{{"image", "img:2"},
                        {"restartCount", 0},
                        {"state", {{"waiting", {{"reason", reason}, {"message", message}}}}}}}}};
  }
};

TEST_F(Failing, AQuotaThatKeepsAPodAwayIsSaidAndStalls) {
  settle();
  cluster_.remove_pod("audit-0");
  refuse_pods("pods \"audit-0\" is forbidden: exceeded quota: q, requested: pods=1");
  cluster_.events.clear();
  look_for(4);
  EXPECT_EQ(condition(kPodsFailing), "True QuotaExceeded");
  EXPECT_EQ(condition(kReady), "False QuotaExceeded");
  EXPECT_EQ(condition(kReconciling), "True QuotaExceeded");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  EXPECT_THAT(message(kReady), HasSubstr("audit-0: pods \"audit-0\" is forbidden: exceeded quota: q"));
  EXPECT_EQ(events(), std::vector<std::string>{"QuotaExceeded"});
  look_for(31);
  EXPECT_EQ(condition(kStalled), "True QuotaExceeded");
  EXPECT_EQ(condition(kReconciling), "False Settled");
  cluster_.writes.clear();
  look_for(60);
  EXPECT_THAT(cluster_.writes, IsEmpty());
  EXPECT_LT(cluster_.event_lists.size(), 20U);
  cluster_.run_controller("audit");
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  EXPECT_EQ(condition(kPodsFailing), "False NotFailing");
  EXPECT_THAT(events(), Contains("NotFailing"));
}

TEST_F(Failing, AWebhookThatCannotBeCalledForPodsMayPass) {
  settle();
  cluster_.remove_pod("audit-0");
  refuse_pods("Internal error occurred: failed calling webhook \"w\": connection refused");
  look_for(60);
  EXPECT_EQ(condition(kPodsFailing), "True FailedCreate");
  EXPECT_EQ(condition(kReady), "False FailedCreate");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  EXPECT_EQ(condition(kReconciling), "True FailedCreate");
}

TEST_F(Failing, AnImageThatIsNotFoundIsSaidAndStalls) {
  settle();
  make_wait("audit-0", "ErrImagePull", "docker.io/storagepool/no-such:1: not found");
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kReady), "False ImagePullBackOff");
  EXPECT_THAT(message(kPodsFailing), HasSubstr("audit-0: image img:2: "));
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  look_for(31);
  EXPECT_EQ(condition(kStalled), "True ImagePullBackOff");
  EXPECT_THAT(cluster_.event_lists, IsEmpty()) << "the pod says it itself";
}

// As at each first start with a volume that is made when the pod is scheduled.
TEST_F(Failing, WhatTheSchedulerSaysForAMomentIsNotSaid) {
  settle();
  cluster_.events.clear();
  const Json running = cluster_.get("Pod", "audit-0");
  Json waiting = running;
  waiting["status"] = {{"phase", "Pending"},
                       {"conditions",
                        {{{"type", "PodScheduled"},
                          {"status", "False"},
                          {"reason", "Unschedulable"},
                          {"message", "0/1 nodes are available: pod has unbound PersistentVolumeClaims"}}}}};
  waiting["spec"].erase("nodeName");
  cluster_.put(waiting);
  for (int i = 0; i < 4; ++i) {
    const auto outcome = look();
    ASSERT_TRUE(outcome);
    EXPECT_LE(outcome->requeue_after, 5s);
    EXPECT_EQ(condition(kPodsFailing), "False NotFailing");
  }
  cluster_.put(running);
  ASSERT_TRUE(look());
  EXPECT_EQ(events(), std::vector<std::string>{"Ready"});
  cluster_.put(waiting);
  look_for(6);
  EXPECT_EQ(condition(kPodsFailing), "True Unschedulable");
  restart_operator();
  look_for(1);
  EXPECT_EQ(condition(kPodsFailing), "True Unschedulable") << "what was said is not taken back";
}

TEST_F(Failing, AVolumeThatCannotBeMountedIsSaid) {
  settle();
  make_wait("audit-1", "ContainerCreating", "");
  cluster_.get("Pod", "audit-1")["spec"]["nodeName"] = "n";
  cluster_.about[cluster_.get("Pod", "audit-1")["metadata"]["uid"]] = {
      {{"reason", "FailedMount"}, {"type", "Warning"}, {"note", "MountVolume.MountDevice failed: timeout"}}};
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kReady), "False Progressing");
  look_for(6);
  EXPECT_EQ(condition(kReady), "False FailedMount");
  EXPECT_THAT(message(kReady), HasSubstr("audit-1: MountVolume.MountDevice failed"));
}

// A drain goes on where no event is at risk.
TEST_F(Failing, PodsThatNeverRanCanBeEvicted) {
  change_spec("/spec/journal", {{"persistence", "Ephemeral"}});
  settle();
  for (const char* name : {"audit-0", "audit-1", "audit-2"}) make_wait(name, "ErrImagePull", "m");
  ASSERT_TRUE(look());
  const Json& budget = cluster_.get("PodDisruptionBudget", "audit")["spec"];
  EXPECT_EQ(budget["maxUnavailable"], 1);
  EXPECT_EQ(budget["unhealthyPodEvictionPolicy"], "AlwaysAllow");
}

TEST_F(Failing, AWriteThatFailsAgainAndAgainIsSaidUntilItPasses) {
  cluster_.refuse_kind = "StatefulSet";
  cluster_.refuse = kube::ApiError{
      .status = 500,
      .reason = "InternalError",
      .message = "Internal error occurred: failed calling webhook \"dead.example.com\": no endpoints"};
  EXPECT_EQ(look().error().status, 500);
  EXPECT_TRUE(status().is_null());
  look_for(3);
  EXPECT_EQ(condition(kReady), "False RequestFailed");
  EXPECT_EQ(condition(kReconciling), "True RequestFailed");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  EXPECT_THAT(message(kReady), HasSubstr("StatefulSet audit: Internal error occurred: failed calling"));
  EXPECT_THAT(events(), Contains("RequestFailed"));
  cluster_.writes.clear();
  look_for(10);
  EXPECT_THAT(cluster_.writes, Not(Contains("status StoragePool/audit")));
  cluster_.refuse.reset();
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Failing, AWriteThatFailsForAMomentIsNotSaid) {
  settle();
  const Json before = status();
  cluster_.refuse_kind = "ConfigMap";
  cluster_.refuse = kube::ApiError{.status = 0, .reason = "Transport", .message = "connection refused"};
  change_spec("/spec/pool", {{"maxOpenConns", 4}});
  EXPECT_FALSE(look());
  EXPECT_EQ(status(), before);
  cluster_.refuse.reset();
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), Not(Contains("RequestFailed")));
}

TEST_F(Failing, AConflictIsForNobody) {
  settle();
  cluster_.refuse_kind = "ConfigMap";
  cluster_.refuse = kube::ApiError{.status = 409, .reason = "Conflict", .message = "m"};
  change_spec("/spec/pool", {{"maxOpenConns", 4}});
  look_for(10);
  EXPECT_THAT(events(), Not(Contains("RequestFailed")));
}

// Asked about once a minute, not all StoragePools at the same moment.
TEST_F(Failing, WhatIsRefusedForGoodIsAskedForCalmly) {
  cluster_.refuse_kind = "Service";
  cluster_.refuse =
      kube::ApiError{.status = 500,
                     .reason = "InternalError",
                     .message = "Internal error occurred: failed to allocate a serviceIP: range is full"};
  const auto outcome = look();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(condition(kStalled), "True ApplyRejected");
  EXPECT_THAT(message(kReady), HasSubstr("Service audit: Internal error occurred: failed to allocate"));
  EXPECT_THAT(events(), Contains("ApplyRejected"));
  EXPECT_GE(outcome->requeue_after, 54s);
  EXPECT_LE(outcome->requeue_after, 66s);
}

TEST_F(Failing, WithoutAFinalizerNothingIsMade) {
  cluster_.refuse_kind = "StoragePool";
  cluster_.refuse = kube::ApiError{.status = 403, .reason = "Forbidden", .message = "may not"};
  look_for(5);
  EXPECT_FALSE(cluster_.has("Service", "audit"));
  EXPECT_THAT(events(), Contains("ApplyForbidden"));
}

TEST_F(Failing, AStatusThatIsNotWrittenIsAnEvent) {
  settle();
  cluster_.refuse_kind = "StoragePool";
  cluster_.refuse = kube::ApiError{.status = 500, .reason = "InternalError", .message = "no room"};
  make_wait("audit-0", "InvalidImageName", "couldn't parse it");
  look_for(4);
  EXPECT_THAT(events(), Contains("StatusNotWritten"));
  EXPECT_THAT(events(), Contains("InvalidImageName"));
}

TEST_F(Failing, AStatusThatIsNotWrittenHidesNothing) {
  settle();
  cluster_.refuse_kind = "*";
  cluster_.refuse = kube::ApiError{.status = 503, .reason = "ServiceUnavailable", .message = "later"};
  change_spec("/spec/pool", {{"maxOpenConns", 4}});
  look_for(5);
  EXPECT_THAT(look().error().message, HasSubstr("ConfigMap audit-config: later"));
  EXPECT_THAT(events(), Contains("RequestFailed"));
}

}  // namespace
}  // namespace storagepool::reconcile
