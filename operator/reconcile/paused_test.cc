// spec.paused: nothing is written but the status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Paused : public Reconcile {
 protected:
  void pause() { change_spec("/spec/paused", true); }
  // Everything that could make the operator write something.
  void stir() {
    change_spec("/spec/replicas", 5);
    change_spec("/spec/pool", {{"maxOpenConns", 4}});
    change_spec("/spec/image", "img:2");
    cluster_.get("Service", "audit")["spec"]["type"] = "NodePort";
    cluster_.pod("audit-1").report.applied_generation = 1;
    cluster_.pod("audit-2").refuses = true;
  }
};

TEST_F(Paused, NothingIsWrittenButTheStatus) {
  settle();
  cluster_.writes.clear();
  pause();
  stir();
  const Json set = cluster_.get("StatefulSet", "audit");
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(look());
    EXPECT_THAT(cluster_.wanted.at(kAudit), Each(::testing::Field(&pods::WantedPod::settings, std::nullopt)));
  }
  EXPECT_THAT(cluster_.writes, Each(StartsWith("status ")));
  EXPECT_LE(cluster_.writes.size(), 3U);
  EXPECT_EQ(cluster_.get("StatefulSet", "audit"), set);
  EXPECT_EQ(condition(kReady), "False Paused");
  EXPECT_THAT(message(kReady), HasSubstr("3 of 5 pods are ready"));
  EXPECT_EQ(condition(kReconciling), "False Paused");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  EXPECT_THAT(events(), Contains("Paused"));
  EXPECT_EQ(status()["connectionBudget"]["granted"], 27);
}

TEST_F(Paused, GoesOnWhereItWasWhenItIsOver) {
  settle();
  pause();
  change_spec("/spec/replicas", 5);
  restart_operator();
  ASSERT_TRUE(look());
  change_spec("/spec/paused", false);
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(status()["ready"], "5/5");
}

TEST_F(Paused, AsWantedItIsReady) {
  settle();
  pause();
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kReady), "True Paused");
}

TEST_F(Paused, OneThatWasNeverStartedIsNotStarted) {
  pause();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.writes, Each(StartsWith("status ")));
  EXPECT_EQ(condition(kReady), "False Paused");
  EXPECT_FALSE(cluster_.has("StatefulSet", "audit"));
}

TEST_F(Paused, ItsConnectionsStillCountForTheOthers) {
  settle();
  pause();
  ASSERT_TRUE(look());
  cluster_.put(storage_pool("second", 1));
  restart_operator();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(look({"team", "second"}));
    ASSERT_TRUE(look());
  }
  EXPECT_FALSE(cluster_.has("StatefulSet", "second") &&
               cluster_.get("StatefulSet", "second")["spec"]["replicas"] > 0)
      << "27 of 27 are held";
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
}

TEST_F(Paused, SaysWhenTheServerHasBecomeTooSmallForWhatIsHeld) {
  settle();
  pause();
  for (auto& [address, pod] : cluster_.pods) pod.facts.facts->max_connections = 30;
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kBudgetExceeded), "True HeldWhilePaused");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 9);
}

TEST_F(Paused, ADeletedOneIsDrainedWhoeverRestarts) {
  settle();
  pause();
  ASSERT_TRUE(look());
  pool()["metadata"]["deletionTimestamp"] = "2026-11-28T00:00:00Z";
  for (auto& [address, pod] : cluster_.pods) pod.report.journal->waiting_units = 1;
  for (int i = 0; i < 3; ++i) {
    restart_operator();
    ASSERT_TRUE(look());
    EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 3) << "journals are not empty";
  }
  EXPECT_EQ(condition(kReady), "False Draining");
  for (auto& [address, pod] : cluster_.pods) {
    EXPECT_TRUE(pod.report.leaving);
    pod.report.leaving = false;  // a container that began again without its volume's word
    pod.report.journal->waiting_units = 0;
  }
  for (int i = 0; i < 5; ++i) {
    restart_operator();
    ASSERT_TRUE(look());
    cluster_.run_controller("audit");
  }
  ASSERT_TRUE(look());
  now_.steady += Departed::kLetGo;
  ASSERT_TRUE(look());
  EXPECT_FALSE(cluster_.has("StoragePool", "audit"));
}

// A pod that was told to leave before goes on leaving, and nobody lets it go.
TEST_F(Paused, AScaleInUnderWayStops) {
  settle();
  for (auto& [address, pod] : cluster_.pods) pod.report.journal->waiting_units = 1;
  change_spec("/spec/replicas", 1);
  ASSERT_TRUE(look());
  ASSERT_TRUE(cluster_.pod("audit-2").report.leaving);
  pause();
  for (auto& [address, pod] : cluster_.pods) pod.report.journal->waiting_units = 0;
  for (int i = 0; i < 90; ++i) ASSERT_TRUE(look());
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 3);
  EXPECT_TRUE(cluster_.pod("audit-2").report.leaving);
  restart_operator();
  change_spec("/spec/paused", false);
  settle();
  EXPECT_EQ(status()["ready"], "1/1");
}

// Or a node drain would take what was acknowledged.
TEST_F(Paused, AFilledJournalThatGoesWithItsPodIsNotEvicted) {
  change_spec("/spec/journal", {{"persistence", "Ephemeral"}});
  settle();
  pause();
  ASSERT_TRUE(look());
  const Json before = cluster_.get("PodDisruptionBudget", "audit");
  cluster_.pod("audit-1").report.journal->waiting_units = 1;
  cluster_.writes.clear();
  ASSERT_TRUE(look());
  EXPECT_NE(cluster_.get("PodDisruptionBudget", "audit")["spec"], before["spec"]);
  EXPECT_THAT(cluster_.writes, Contains("apply PodDisruptionBudget/audit"));
}

}  // namespace
}  // namespace storagepool::reconcile
