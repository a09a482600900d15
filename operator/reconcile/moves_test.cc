// The spec names another server than the pods serve from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

using ::testing::HasSubstr;

class MovesOf : public Reconcile {
 protected:
  std::string annotation(std::string_view name) {
    return cluster_.get("ConfigMap", "audit-config")["metadata"]["annotations"].value(std::string(name), "");
  }
  std::string leaving() { return annotation(render::kLeavingAnnotation); }
  std::string tried() { return annotation(render::kTriedAnnotation); }
  Json data() { return cluster_.get("ConfigMap", "audit-config")["data"]; }
  std::string led_to() {
    return settings::parse_config(data()["config.yaml"].get<std::string>())->postgres.host;
  }
  bool has_candidate() { return data().contains(settings::kCandidateFile); }
  void admits(const std::string& host, std::int64_t max_connections) {
    settings::ServerFacts facts;
    facts.max_connections = max_connections;
    facts.superuser_reserved_connections = 3;
    cluster_.admitting[host + ":5432/audit"] = facts;
  }
  void mount() {
    cluster_.run_kubelet("audit");
    settle();
  }
};

TEST_F(MovesOf, AWrongHostCostsNothingAndIsNamed) {
  settle();
  change_spec("/spec/postgres/host", "typo");
  settle();
  EXPECT_EQ(condition(kPostgresReachable), "False NotAdmittedYet");
  EXPECT_EQ(led_to(), "db");
  EXPECT_EQ(tried(), "typo.team:5432");
  mount();
  EXPECT_EQ(condition(kPostgresReachable), "False Unreachable");
  EXPECT_THAT(message(kPostgresReachable), HasSubstr("typo:5432/audit: the host name does not resolve"));
  EXPECT_THAT(message(kPostgresReachable), HasSubstr("the pods go on with db:5432/audit"));
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
  EXPECT_EQ(status()["ready"], "3/3");
  EXPECT_EQ(led_to(), "db");

  restart_operator();
  settle();
  EXPECT_EQ(tried(), "typo.team:5432") << "also for an operator that starts anew";
  now_.steady += Departed::kLetGo;  // of pods that it has not seen go
  change_spec("/spec/postgres/host", "db");
  settle();
  EXPECT_FALSE(has_candidate());
  EXPECT_EQ(tried(), "typo.team:5432") << "until all pods have seen that it is none";
  mount();
  EXPECT_EQ(tried(), "");
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(MovesOf, ANewcomerOnTheOldServerGetsItsShareWhileThereIsNowhereToGo) {
  settle();
  change_spec("/spec/postgres/host", "typo");
  settle();
  mount();
  cluster_.put(storage_pool("second", 3));
  settle("second");
  settle();
  settle("second");
  settle();
  EXPECT_LE(status()["connectionBudget"]["perPod"], 5);
  EXPECT_GE(cluster_.get("StoragePool", "second")["status"]["connectionBudget"]["granted"], 12);
}

TEST_F(MovesOf, PodsAreLedOnOnceOneIsAdmittedAndTheirLimitFits) {
  settle();
  const Json pod_template = cluster_.get("StatefulSet", "audit")["spec"]["template"];
  admits("new", 28);  // 15 are usable
  change_spec("/spec/postgres/host", "new");
  settle();
  EXPECT_EQ(led_to(), "db");
  mount();
  EXPECT_EQ(led_to(), "new");
  EXPECT_FALSE(has_candidate());
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 5) << "before they are led there";
  EXPECT_EQ(leaving(), "db.team:5432");
  restart_operator();
  settle();
  EXPECT_EQ(leaving(), "db.team:5432") << "while pods are there, also for an operator that starts anew";
  cluster_.run_kubelet("audit");
  for (const char* pod : {"audit-0", "audit-1", "audit-2"})
    cluster_.pod(pod).facts.facts = cluster_.admitting.at("new:5432/audit");
  cluster_.pod("audit-1").facts.elsewhere = 1;
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(leaving(), "db.team:5432");
  cluster_.pod("audit-1").facts.elsewhere = 0;
  settle();
  EXPECT_EQ(leaving(), "db.team:5432") << "of pods that went before it began nobody knows";
  now_.steady += Departed::kLetGo;
  settle();
  EXPECT_EQ(leaving(), "");
  EXPECT_EQ(tried(), "");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 5);
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["template"], pod_template);
}

TEST_F(MovesOf, PodsThatServeFromNowhereAreLedOnWithOneConnectionEach) {
  settle();
  for (auto& [address, pod] : cluster_.pods) pod.facts.reachable = false;
  change_spec("/spec/postgres/host", "new");
  settle();
  EXPECT_EQ(led_to(), "new");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 1);
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 3);
  cluster_.run_kubelet("audit");
  for (auto& [address, pod] : cluster_.pods) pod.facts.reachable = true;
  settle();
  settle();
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
}

TEST_F(MovesOf, PodsThatDoNotAnswerMayServe) {
  settle();
  cluster_.pod("audit-1").reachable = false;
  for (const char* pod : {"audit-0", "audit-2"}) cluster_.pod(pod).facts.reachable = false;
  change_spec("/spec/postgres/host", "new");
  settle();
  EXPECT_EQ(led_to(), "db");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
}

TEST_F(MovesOf, AServerWithoutRoomIsNotGoneTo) {
  settle();
  admits("small", 14);  // one connection is usable
  change_spec("/spec/postgres/host", "small");
  settle();
  mount();
  EXPECT_EQ(led_to(), "db");
  EXPECT_EQ(condition(kPostgresReachable), "False MoveWaits");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
}

TEST_F(MovesOf, WithoutPodsNobodyHasToBeAdmitted) {
  change_spec("/spec/replicas", 0);
  settle();
  change_spec("/spec/postgres/host", "new");
  settle();
  EXPECT_EQ(led_to(), "new");
  EXPECT_FALSE(has_candidate());
}

TEST_F(MovesOf, RejectedCredentialsAreAConditionWhileThePodsServe) {
  settle();
  settings::TrialReport& trial = cluster_.pod("audit-1").facts.trial.emplace();
  trial.target = "db:5432/audit";
  trial.fault = settings::PostgresFault::kCredentialsRejected;
  trial.detail = "connecting to db:5432/audit: the server refused the user name or password (28P01)";
  settle();
  EXPECT_EQ(condition(kPostgresReachable), "False CredentialsRejected");
  EXPECT_THAT(message(kPostgresReachable), HasSubstr("audit-1: connecting to db:5432/audit"));
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
}

}  // namespace
}  // namespace storagepool::reconcile
