#include "operator/reconcile/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;

TEST_F(Reconcile, AScaleInWaitsForTheJournalAndReleasesTheVolume) {
  settle();
  settings::JournalReport& journal = *cluster_.pod("audit-2").report.journal;
  journal.waiting_events = 6;
  journal.waiting_units = 2;
  change_spec("/spec/replicas", 2);
  settle();
  EXPECT_TRUE(cluster_.pod("audit-2").report.leaving);
  EXPECT_FALSE(cluster_.pod("audit-1").report.leaving);
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 3);
  EXPECT_EQ(condition(kReady), "False JournalNotEmpty");
  EXPECT_EQ(condition(kReconciling), "True JournalNotEmpty");
  EXPECT_THAT(message(kReady), HasSubstr("audit-2 holds 6 events that PostgreSQL has not taken"));
  auto& facts = cluster_.pod("audit-0").facts;
  facts.reachable = false;
  facts.fault = settings::PostgresFault::kUnreachable;
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kReady), "False Unreachable");
  EXPECT_EQ(condition(kReconciling), "True JournalNotEmpty");
  facts.reachable = true;
  facts.fault.reset();
  cluster_.pod("audit-2").report.journal->waiting_units = 0;
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_FALSE(cluster_.has("PersistentVolumeClaim", "state-audit-2"));
  EXPECT_TRUE(cluster_.has("PersistentVolumeClaim", "state-audit-1"));
}

TEST_F(Reconcile, TheEndOfThePatienceIsLookedAtWhenItComes) {
  settle();
  pool()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  cluster_.pod("audit-2").report.journal->waiting_units = 1;
  cluster_.put(pool());
  EXPECT_EQ(look()->requeue_after, 10s);
  now_.steady += 54s;
  EXPECT_EQ(look()->requeue_after, 5s);
  now_.steady += 5s;
  EXPECT_EQ(look()->requeue_after, 10s);
}

TEST_F(Reconcile, DeletionKeepsTheVolumesOfFilledJournalsAndSaysSo) {
  settle();
  cluster_.pod("audit-1").report.journal->waiting_units = 1;
  cluster_.pod("audit-1").report.journal->waiting_events = 1;
  pool()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  cluster_.put(pool());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(look());
    cluster_.run_controller("audit");
  }
  EXPECT_EQ(condition(kReady), "False Draining");
  EXPECT_THAT(message(kReady), HasSubstr("audit-1 holds 1 event that"));
  now_.steady += 60s;
  for (int i = 0; i < 5 && cluster_.has("StoragePool", "audit"); ++i) {
    ASSERT_TRUE(look());
    cluster_.run_controller("audit");
  }
  EXPECT_FALSE(cluster_.has("StoragePool", "audit"));
  EXPECT_TRUE(cluster_.has("PersistentVolumeClaim", "state-audit-1"));
  EXPECT_FALSE(cluster_.has("PersistentVolumeClaim", "state-audit-0"));
  ASSERT_THAT(events(), Contains("VolumesKept"));
  EXPECT_THAT(cluster_.events.back().note, HasSubstr("state-audit-1"));
}

TEST_F(Reconcile, DeletionReleasesVolumesThatNoCacheHasShown) {
  settle();
  pool()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  cluster_.put(pool());
  cluster_.claims_are_late = true;
  for (int i = 0; i < 5 && cluster_.has("StoragePool", "audit"); ++i) {
    ASSERT_TRUE(look());
    cluster_.run_controller("audit");
  }
  EXPECT_FALSE(cluster_.has("StoragePool", "audit"));
  EXPECT_FALSE(cluster_.has("PersistentVolumeClaim", "state-audit-0"));
}

TEST_F(Reconcile, WithoutVolumesARolloutWaitsForEachJournalAndEvictionsForAll) {
  change_spec("/spec/journal", {{"persistence", "Ephemeral"}});
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(condition(kJournalNotDurable), "True Ephemeral");
  EXPECT_EQ(report_period(), 2s);
  EXPECT_EQ(cluster_.get("PodDisruptionBudget", "audit")["spec"]["maxUnavailable"], 1);
  cluster_.pod("audit-1").report.journal->waiting_units = 1;
  change_spec("/spec/image", "img:2");
  settle();
  const auto image_of = [&](const char* pod) {
    return cluster_.get("Pod", pod)["metadata"]["labels"]["controller-revision-hash"];
  };
  EXPECT_EQ(condition(kReady), "False JournalNotEmpty");
  EXPECT_NE(image_of("audit-2"), image_of("audit-1"));
  EXPECT_EQ(image_of("audit-1"), image_of("audit-0"));
  EXPECT_EQ(condition(kJournalNotDurable), "True EventsAtRisk");
  EXPECT_EQ(cluster_.get("PodDisruptionBudget", "audit")["spec"]["maxUnavailable"], 0);
  cluster_.pod("audit-1").report.journal->waiting_units = 0;
  settle();
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(image_of("audit-2"), image_of("audit-0"));
  EXPECT_EQ(cluster_.get("PodDisruptionBudget", "audit")["spec"]["maxUnavailable"], 1);
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["updateStrategy"]["rollingUpdate"]["partition"],
            1000);
}

TEST_F(Reconcile, WhatAPersonGivesUpIsNotWaitedFor) {
  change_spec("/spec/journal", {{"persistence", "Ephemeral"}});
  settle();
  cluster_.pod("audit-2").reachable = false;
  change_spec("/spec/replicas", 2);
  settle();
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 3);
  EXPECT_THAT(message(kReady), HasSubstr("audit-2 does not say what its journal holds"));
  pool()["metadata"]["annotations"]["storagepool.dev/give-up-events"] = "audit-1, audit-2";
  cluster_.put(pool());
  settle();
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 2);
}

TEST_F(Reconcile, PodsWithoutVolumesKeepThatThoughTheSpecWantsThem) {
  change_spec("/spec/journal", {{"persistence", "Ephemeral"}});
  settle();
  change_spec("/spec/journal", Json::object());
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(condition(kJournalNotDurable), "True Ephemeral");
  EXPECT_FALSE(cluster_.get("StatefulSet", "audit")["spec"].contains("volumeClaimTemplates"));
}

TEST_F(Reconcile, AJournalThatTakesNoEventsIsNamedWithItsReason) {
  settle();
  EXPECT_EQ(condition(kJournalNotDurable), "False PersistentVolume");
  cluster_.pod("audit-1").report.journal->takes_events = false;
  cluster_.pod("audit-1").report.journal->reason = "the disk is full";
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kJournalNotDurable), "True JournalFailed");
  EXPECT_THAT(message(kJournalNotDurable), HasSubstr("audit-1: the disk is full"));
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), Contains("JournalFailed"));
}

TEST_F(Reconcile, AClusterWithoutADefaultStorageClassIsSaidSo) {
  settle();
  cluster_.get("PersistentVolumeClaim", "state-audit-2")["spec"] = Json::object();
  Json& pod = cluster_.get("Pod", "audit-2");
  pod["spec"].erase("nodeName");
  pod["status"] = {{"phase", "Pending"}};
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kReady), "False NoStorageClass");
  EXPECT_EQ(condition(kStalled), "True NoStorageClass");
  EXPECT_THAT(message(kStalled), HasSubstr("state-audit-2"));
  cluster_.get("PersistentVolumeClaim", "state-audit-2")["spec"]["storageClassName"] = "slow";
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kReady), "False VolumePending");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
}

}  // namespace
}  // namespace storagepool::reconcile
