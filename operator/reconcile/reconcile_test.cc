#include "operator/reconcile/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(Reconcile, FirstStartIsOnePodThenAllWithWhatFits) {
  ASSERT_TRUE(look());
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 1);
  EXPECT_EQ(condition(kRolloutBlocked), "True ServerLimitsUnknown");
  cluster_.run_controller("audit");
  EXPECT_EQ(cluster_.pods.at("10.0.0.1").report.settings.max_open_conns, 1);
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(condition(kReconciling), "False Settled");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  EXPECT_EQ(condition(kBudgetExceeded), "True LimitsReduced");
  EXPECT_EQ(condition(kPostgresReachable), "True Connected");
  EXPECT_EQ(status()["ready"], "3/3");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
  EXPECT_EQ(status()["connectionBudget"]["granted"], 27);
  EXPECT_EQ(status()["connectionBudget"]["usable"], 27);
  EXPECT_EQ(status()["serverFacts"]["target"], "db:5432/audit");
  EXPECT_EQ(status()["selector"], "app.kubernetes.io/name=storagepool,app.kubernetes.io/instance=audit");
  EXPECT_EQ(status()["pods"].size(), 3U);
  EXPECT_THAT(events(), Contains("LimitGranted"));
  EXPECT_THAT(events(), Contains("Ready"));
}

TEST_F(Reconcile, AStartOfTheOperatorLeavesTheStatusAsItIsUntilThePodsWereAsked) {
  settle();
  const Json before = status();
  cluster_.events.clear();
  restart_operator();
  for (auto& [address, pod] : cluster_.pods) pod.asked = false;
  ASSERT_TRUE(look());
  EXPECT_EQ(status(), before);
  for (auto& [address, pod] : cluster_.pods) pod.asked = true;
  settle();
  EXPECT_EQ(status(), before);
  EXPECT_THAT(events(), IsEmpty());

  restart_operator();
  for (auto& [address, pod] : cluster_.pods) pod.asked = false;
  change_spec("/spec/pool", {{"maxOpenConns", 5}});
  ASSERT_TRUE(look());
  EXPECT_EQ(status()["observedGeneration"], pool()["metadata"]["generation"])
      << "a change is told of at once";
  EXPECT_EQ(condition(kReady), "False Progressing");
  for (auto& [address, pod] : cluster_.pods) {
    pod.asked = true;
    pod.reachable = false;
  }
  settle();
  EXPECT_EQ(condition(kReady), "False AdminPortUnreachable");
}

TEST_F(Reconcile, NothingIsWrittenWhenNothingChanges) {
  settle();
  cluster_.writes.clear();
  cluster_.events.clear();
  for (int i = 0; i < 100; ++i) {
    const auto outcome = look();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->requeue_after, 10s);
  }
  EXPECT_THAT(cluster_.writes, IsEmpty());
  EXPECT_THAT(cluster_.events, IsEmpty());
}

TEST_F(Reconcile, WhereNothingHasChangedNothingIsRead) {
  settle();
  cluster_.reads = 0;
  const auto outcome = look();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->requeue_after, 10s);
  ASSERT_TRUE(outcome->budget);
  EXPECT_EQ(outcome->budget->granted, 27);
  EXPECT_THAT(outcome->budget->server, Not(IsEmpty()));
  EXPECT_THAT(outcome->complaints,
              ::testing::ElementsAre(Complaint{"BudgetExceeded", "True", "LimitsReduced"}));
  EXPECT_EQ(cluster_.reads, 0);
  cluster_.pod("audit-1").report.closing = 30;
  ASSERT_TRUE(look());
  EXPECT_GT(cluster_.reads, 0) << "a report is different";
  cluster_.pod("audit-1").report.closing = 0;
  settle();
  cluster_.reads = 0;
  change_spec("/spec/pool", {{"acquireTimeout", "2s"}});
  ASSERT_TRUE(look());
  EXPECT_GT(cluster_.reads, 0) << "the spec is different";
  settle();
  cluster_.put(storage_pool("second", 1));
  ASSERT_TRUE(look({"team", "second"}));
  cluster_.reads = 0;
  ASSERT_TRUE(look());
  EXPECT_GT(cluster_.reads, 0) << "its share of the server is different";
  settle();
  now_.steady += 30s;
  cluster_.reads = 0;
  ASSERT_TRUE(look());
  EXPECT_GT(cluster_.reads, 0) << "for safety's sake";
}

TEST_F(Reconcile, OfObjectsThatAreTheSameOnlyTheStoragePoolIsReadAgain) {
  settle();
  cluster_.objects_read.clear();
  cluster_.pod("audit-1").report.closing = 30;
  ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.objects_read, ::testing::ElementsAre("StoragePool/audit"));
  cluster_.objects_read.clear();
  cluster_.get("Service", "audit")["metadata"]["labels"]["by"] = "somebody";
  cluster_.get("Pod", "audit-2")["status"]["conditions"][0]["status"] = "False";
  ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.objects_read, ::testing::IsSupersetOf({"Service/audit", "Pod/audit-2"}));
  EXPECT_THAT(cluster_.objects_read, Not(::testing::Contains("ConfigMap/audit-config")));
  EXPECT_EQ(status()["readyReplicas"], 2);
}

TEST_F(Reconcile, VolatileNumbersAreWrittenRarely) {
  settle();
  now_.steady += 60s;
  ASSERT_TRUE(look());
  cluster_.writes.clear();
  for (int i = 0; i < 60; ++i) {
    cluster_.pods.at("10.0.0.1").report.in_use = i % 9;
    ASSERT_TRUE(look());
  }
  EXPECT_LE(cluster_.writes.size(), 2U);
  EXPECT_GE(cluster_.writes.size(), 1U);
}

TEST_F(Reconcile, ARestartedOperatorChangesNothing) {
  settle();
  const auto before = cluster_.objects;
  restart_operator();
  ASSERT_TRUE(look());
  EXPECT_EQ(cluster_.objects, before);
}

TEST_F(Reconcile, SettingsAreChangedLive) {
  settle();
  const Json pod_template = cluster_.get("StatefulSet", "audit")["spec"]["template"];
  change_spec("/spec/pool", {{"maxOpenConns", 4}, {"acquireTimeout", "2s"}});
  ASSERT_TRUE(look());
  for (const auto& [address, pod] : cluster_.pods) {
    EXPECT_EQ(pod.report.settings.max_open_conns, 4);
    EXPECT_EQ(pod.report.settings.acquire_timeout, 2s);
    EXPECT_EQ(pod.report.applied_generation, status()["settingsGeneration"]);
  }
  EXPECT_EQ(status()["pods"][0]["maxOpenConns"], 4);
  EXPECT_EQ(status()["observedGeneration"], pool()["metadata"]["generation"]);
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["template"], pod_template);
}

TEST_F(Reconcile, APodOfAnOlderReleaseIsSentWhatItKnows) {
  settle();
  auto& older = cluster_.pods.at("10.0.0.2").report;
  older.not_known = {"stallAfter"};
  change_spec("/spec/pool", {{"stallAfter", "3s"}, {"lockTimeout", "7s"}});
  settle();
  EXPECT_EQ(cluster_.pods.at("10.0.0.1").report.settings.stall_after, 3s);
  EXPECT_EQ(older.settings.stall_after, settings::Settings{}.stall_after);
  EXPECT_EQ(older.settings.lock_timeout, 7s);
  EXPECT_EQ(condition(kReconciling), "False Settled");
  cluster_.writes.clear();
  ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.writes, IsEmpty());
}

TEST_F(Reconcile, ScaleOutWaitsForAPodThatDoesNotAnswerAndNamesIt) {
  settle();
  cluster_.pods.at("10.0.0.2").reachable = false;
  change_spec("/spec/replicas", 5);
  settle();
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 3);
  EXPECT_EQ(condition(kRolloutBlocked), "True PodNotConfirmed");
  EXPECT_THAT(message(kRolloutBlocked), HasSubstr("audit-1: its administration port does not answer"));
  EXPECT_THAT(events(), Contains("PodNotConfirmed"));
  cluster_.pods.at("10.0.0.2").reachable = true;
  settle();
  EXPECT_EQ(status()["ready"], "5/5");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 5);
  EXPECT_EQ(condition(kRolloutBlocked), "False NotBlocked");
}

TEST_F(Reconcile, PodsThatAreReadyAndOutOfReachAreToldWithThePort) {
  settle();
  for (auto& [address, pod] : cluster_.pods) pod.reachable = false;
  change_spec("/spec/pool", {{"maxOpenConns", 4}});
  settle();
  EXPECT_EQ(condition(kPostgresReachable), "Unknown AdminPortUnreachable");
  EXPECT_EQ(condition(kReady), "False AdminPortUnreachable");
  for (const char* word : {"no pod on port 8082, though 3 are ready", "NetworkPolicy", "service mesh",
                           "audit-0: its administration port does not answer"}) {
    EXPECT_THAT(message(kReady), HasSubstr(word));
  }
  EXPECT_THAT(events(), Contains("AdminPortUnreachable"));
  cluster_.writes.clear();
  now_.steady += 60s;
  settle();
  EXPECT_THAT(cluster_.writes, IsEmpty()) << "nothing is tried over and over";
  cluster_.pod("audit-1").reachable = true;
  settle();
  EXPECT_EQ(condition(kReady), "False Progressing") << "that pod alone";
  for (auto& [address, pod] : cluster_.pods) pod.reachable = true;
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Reconcile, PodsAreAskedMoreOftenWhileSomethingIsAwaitedOfThem) {
  ASSERT_TRUE(look());
  cluster_.run_controller("audit");
  ASSERT_TRUE(look());
  settle();
  EXPECT_EQ(report_period(), 2s) << "what has just been granted may go wrong";
  now_.steady += 60s;
  ASSERT_TRUE(look());
  EXPECT_EQ(report_period(), 10s);
  cluster_.pod("audit-1").report.open = 9;
  change_spec("/spec/pool", {{"maxOpenConns", 4}});
  ASSERT_TRUE(look());
  EXPECT_EQ(report_period(1), 500ms);
  EXPECT_EQ(report_period(0), 2s) << "it has confirmed";
  now_.steady += 60s;
  ASSERT_TRUE(look());
  EXPECT_EQ(report_period(1), 2s);
  EXPECT_EQ(report_period(0), 10s);
}

TEST_F(Reconcile, AStartOfTheOperatorIsNoReasonToAskPodsMoreOftenWhereAllIsReady) {
  settle();
  restart_operator();
  ASSERT_TRUE(look());
  EXPECT_EQ(report_period(), 10s);
  change_spec("/spec/pool", {{"maxOpenConns", 4}});
  restart_operator();
  ASSERT_TRUE(look());
  EXPECT_NE(report_period(), 10s) << "what was changed meanwhile";
  settle();
  now_.steady += 60s;
  cluster_.pods.begin()->second.reachable = false;
  settle();
  restart_operator();
  ASSERT_TRUE(look());
  EXPECT_EQ(report_period(), 500ms) << "what is not Ready may be soon";
  EXPECT_EQ(report_period(1), 2s);
}

TEST_F(Reconcile, WhatWasGrantedIsSentEvenWhereTheLookFails) {
  settle();
  change_spec("/spec/pool", {{"maxOpenConns", 4}});
  cluster_.refuse_kind = "StoragePool";
  cluster_.refuse = kube::ApiError{.status = 503, .reason = "ServiceUnavailable", .message = "later"};
  EXPECT_FALSE(look());
  EXPECT_EQ(cluster_.pod("audit-2").report.settings.max_open_conns, 4);
}

TEST_F(Reconcile, WhatSomebodyElseChangedIsPutRight) {
  settle();
  cluster_.get("Service", "audit-pods")["spec"]["publishNotReadyAddresses"] = false;
  cluster_.get("Service", "audit-pods")["metadata"]["resourceVersion"] = "100000";
  cluster_.objects.erase({"PodDisruptionBudget", "audit"});
  ASSERT_TRUE(look());
  EXPECT_EQ(cluster_.get("Service", "audit-pods")["spec"]["publishNotReadyAddresses"], true);
  EXPECT_TRUE(cluster_.has("PodDisruptionBudget", "audit"));
}

TEST_F(Reconcile, AnInvalidSpecStallsAndLeavesThePodsAlone) {
  settle();
  const Json before = status();
  change_spec("/spec/pool", {{"maxOpenConns", 0}});
  cluster_.writes.clear();
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kStalled), "True InvalidSpec");
  EXPECT_EQ(condition(kReady), "False InvalidSpec");
  EXPECT_THAT(message(kStalled), HasSubstr("spec.pool.maxOpenConns is 0; allowed: "));
  EXPECT_EQ(status()["connectionBudget"], before["connectionBudget"]);
  EXPECT_EQ(cluster_.writes, std::vector<std::string>{"status StoragePool/audit"});
  change_spec("/spec/pool", Json::object());
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Reconcile, ARefusedObjectStallsWithTheServersWords) {
  cluster_.refuse_kind = "StatefulSet";
  cluster_.refuse = kube::ApiError{.status = 422, .reason = "Invalid", .message = "spec.template is no good"};
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kStalled), "True ApplyRejected");
  EXPECT_THAT(message(kReady), HasSubstr("StatefulSet audit: spec.template is no good"));
  cluster_.refuse.reset();
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Reconcile, ErrorsThatPassAreReturned) {
  cluster_.refuse_kind = "ConfigMap";
  cluster_.refuse = kube::ApiError{.status = 503, .reason = "ServiceUnavailable", .message = "later"};
  EXPECT_EQ(look().error().status, 503);
}

TEST_F(Reconcile, APostgresFaultIsNamedAndRecoveredFrom) {
  settle();
  auto& facts = cluster_.pods.at("10.0.0.3").facts;
  facts.reachable = false;
  facts.fault = settings::PostgresFault::kCredentialsRejected;
  facts.detail = "connecting to db:5432/audit: refused the credentials (28P01)";
  ASSERT_TRUE(look());
  EXPECT_EQ(report_period(), 2s);
  EXPECT_EQ(condition(kPostgresReachable), "False CredentialsRejected");
  EXPECT_EQ(condition(kReady), "False CredentialsRejected");
  EXPECT_THAT(message(kReady), HasSubstr("audit-2: connecting to db:5432/audit"));
  EXPECT_THAT(events(), Contains("CredentialsRejected"));
  facts = cluster_.new_pods_say;
  facts.target = "db:5432/audit";
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), Contains("Connected"));
}

TEST_F(Reconcile, AServerThatIsReachedButTakesNoWritesIsNotReady) {
  settle();
  auto& facts = cluster_.pods.at("10.0.0.3").facts;
  facts.fault = settings::PostgresFault::kNotPermitted;
  facts.detail = "events cannot be written: a statement on db:5432/audit failed (42501)";
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kPostgresReachable), "False NotPermitted");
  EXPECT_EQ(condition(kReady), "False NotPermitted");
  EXPECT_THAT(message(kReady), HasSubstr("42501"));
  facts.fault = settings::PostgresFault::kCommitsEarly;
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kPostgresReachable), "True SynchronousCommitOff");
  EXPECT_EQ(condition(kReady), "True Ready");
  facts.fault = settings::PostgresFault::kServerFull;  // open sessions work on
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kPostgresReachable), "True Connected");
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Reconcile, ADeletedStoragePoolIsDrainedThenReleased) {
  settle();
  pool()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  cluster_.put(pool());
  ASSERT_TRUE(look());
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 0);
  EXPECT_TRUE(cluster_.has("StoragePool", "audit"));
  EXPECT_EQ(condition(kReady), "False Draining");
  cluster_.run_controller("audit");
  ASSERT_TRUE(look());
  cluster_.run_controller("audit");
  const auto outcome = look();
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->requeue_after);
  EXPECT_FALSE(cluster_.has("StoragePool", "audit"));
}

TEST_F(Reconcile, AStoragePoolIsDrainedEvenWithAnInvalidSpec) {
  settle();
  change_spec("/spec/replicas", -1);
  pool()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  cluster_.put(pool());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(look());
    cluster_.run_controller("audit");
  }
  ASSERT_TRUE(look());
  EXPECT_FALSE(cluster_.has("StoragePool", "audit"));
}

TEST_F(Reconcile, PodsAreToldWhoseRequestsTheyTake) {
  settle();
  EXPECT_EQ(cluster_.get("ConfigMap", "audit-config")["data"]["operator-keys"], "k4.public.of-the-test\n");
  const Json pods = cluster_.get("StatefulSet", "audit")["spec"]["template"];
  restart_operator("k4.public.another");
  settle();
  EXPECT_EQ(cluster_.get("ConfigMap", "audit-config")["data"]["operator-keys"], "k4.public.another\n");
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["template"], pods) << "no pod is replaced for it";
}

TEST_F(Reconcile, ScaledToZeroIsReady) {
  settle();
  change_spec("/spec/replicas", 0);
  settle();
  EXPECT_EQ(condition(kReady), "True ScaledToZero");
  EXPECT_EQ(status()["connectionBudget"]["granted"], 0);
}

}  // namespace
}  // namespace storagepool::reconcile
