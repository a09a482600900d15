// What StoragePools may hold, and what they get beside each other, through whole looks at them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ClaimsOf : public Reconcile {};

TEST_F(ClaimsOf, ASecondStoragePoolGetsItsShareOnceTheFirstHasShrunk) {
  settle();
  cluster_.put(storage_pool("second", 2));
  settle("second");
  const auto budget = [&](const char* name) {
    return cluster_.get("StoragePool", name)["status"]["connectionBudget"];
  };
  EXPECT_EQ(budget("second")["otherPools"], 27);
  EXPECT_EQ(budget("second")["granted"], 0);
  EXPECT_EQ(budget("second")["share"], 14);
  EXPECT_EQ(budget("second")["maxSafeReplicas"], 24);
  const Status waits = parse_status(cluster_.get("StoragePool", "second")["status"]);
  ASSERT_NE(find_condition(waits, kRolloutBlocked), nullptr);
  EXPECT_EQ(find_condition(waits, kRolloutBlocked)->reason, "WaitingForOthers");
  EXPECT_FALSE(has_condition(waits, kStalled, Truth::kTrue));
  EXPECT_EQ(find_condition(waits, kRolloutBlocked)->message.find("audit-"), std::string::npos);
  cluster_.pod("audit-1").report.open = 7;
  settle();
  EXPECT_EQ(budget("audit")["perPod"], 4);
  EXPECT_EQ(budget("audit")["granted"], 27);  // audit-1 has not confirmed
  settle("second");
  EXPECT_EQ(budget("second")["granted"], 0);
  cluster_.pod("audit-1").report.open = 4;
  settle();
  settle("second");
  EXPECT_EQ(budget("audit")["granted"], 12);
  EXPECT_EQ(budget("second")["granted"], 14);
  cluster_.writes.clear();
  settle();
  settle("second");
  EXPECT_THAT(cluster_.writes, Not(Contains(HasSubstr("ConfigMap"))));
  EXPECT_THAT(cluster_.writes, Not(Contains(HasSubstr("StatefulSet"))));
}

// At once, and not when they are looked at next; and nobody else.
TEST_F(ClaimsOf, NeighboursAreWokenWhenThereIsSomethingForThemToDo) {
  Json elsewhere = storage_pool("elsewhere", 1);
  elsewhere["spec"]["postgres"]["host"] = "other";
  cluster_.put(elsewhere);
  settle("elsewhere");
  settle();
  woken_.clear();
  settle();
  EXPECT_THAT(woken_, IsEmpty());
  cluster_.put(storage_pool("second", 2));
  ASSERT_TRUE(look({"team", "second"}));
  EXPECT_THAT(woken_, ElementsAre("audit")) << "it is to give some up";
  settle("second");
  woken_.clear();
  settle();
  EXPECT_THAT(woken_, Contains("second")) << "they are given up";
  EXPECT_THAT(woken_, Each("second"));
  settle("second");
  settle();
  woken_.clear();
  settle("second");
  settle();
  EXPECT_THAT(woken_, IsEmpty());
  cluster_.objects.erase({"StoragePool", "second"});
  for (const char* pod : {"second-0", "second-1"}) cluster_.remove_pod(pod);
  ASSERT_TRUE(look({"team", "second"}));
  EXPECT_THAT(woken_, ElementsAre("audit")) << "it may have them back";
}

TEST_F(ClaimsOf, AWriteWhoseEndIsNotKnownCountsAsMade) {
  settle();
  cluster_.refuse_kind = "ConfigMap";
  cluster_.refuse = kube::ApiError{.status = 504, .reason = "Timeout", .message = "too late"};
  change_spec("/spec/replicas", 2);
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(look());
    cluster_.run_controller("audit");
  }
  EXPECT_EQ(
      cluster_.get("ConfigMap", "audit-config")["metadata"]["annotations"]["storagepool.dev/limit-ceiling"],
      "9");
  cluster_.refuse.reset();
  cluster_.put(storage_pool("second", 1));
  settle("second");
  EXPECT_EQ(cluster_.get("StoragePool", "second")["status"]["connectionBudget"]["otherPools"], 26);
  settle();
  settle("second");
  settle();
  EXPECT_EQ(status()["ready"], "2/2");
  EXPECT_EQ(status()["connectionBudget"]["share"], status()["connectionBudget"]["granted"]);
}

// A StoragePool that is deleted while the making of its StatefulSet is in doubt.
class ClaimsInDoubt : public ClaimsOf {
 protected:
  ClaimsInDoubt() {
    settle();
    cluster_.objects.erase({"StatefulSet", "audit"});
    for (const char* pod : {"audit-0", "audit-1", "audit-2"}) cluster_.remove_pod(pod);
    cluster_.refuse_kind = "StatefulSet";
    cluster_.refuse = kube::ApiError{.status = 0, .reason = "Timeout", .message = "no answer"};
    static_cast<void>(look());
    now_.steady += 1min;  // PostgreSQL has let go of the pods
    static_cast<void>(look());
    pool()["metadata"]["deletionTimestamp"] = "2026-11-30T00:00:00Z";
    static_cast<void>(look());
    cluster_.refuse.reset();
    cluster_.put(storage_pool("second", 1));
  }
  // What the second finds taken.
  std::int64_t claimed() {
    settle("second");
    return cluster_.get("StoragePool", "second")["status"]["connectionBudget"]["otherPools"];
  }
};

TEST_F(ClaimsInDoubt, CountOnceTheStoragePoolIsGone) {
  EXPECT_FALSE(cluster_.has("StoragePool", "audit")) << "that is not waited for";
  ASSERT_TRUE(look());
  EXPECT_EQ(claimed(), 27);
  EXPECT_EQ(cluster_.get("StoragePool", "second")["status"]["connectionBudget"]["granted"], 0);
}

TEST_F(ClaimsInDoubt, EndOnceNoPodCanStart) {
  cluster_.objects.erase({"ConfigMap", "audit-config"});
  woken_.clear();
  EXPECT_EQ(claimed(), 27) << "nobody has looked";
  EXPECT_FALSE(look()->requeue_after);
  EXPECT_THAT(woken_, ElementsAre("second"));
  EXPECT_EQ(claimed(), 0);
}

// Its ConfigMap is kept by somebody, as by kubectl delete --cascade=orphan.
TEST_F(ClaimsInDoubt, EndWhenTheWriteCannotBeMadeAnyMore) {
  now_.steady += Doubt::kLongest - 1min;
  EXPECT_TRUE(look()->requeue_after);
  EXPECT_EQ(claimed(), 27);
  now_.steady += 1min;
  EXPECT_FALSE(look()->requeue_after);
  EXPECT_EQ(claimed(), 0);
}

TEST_F(ClaimsInDoubt, CountBesideAStoragePoolOfTheSameNameUntilThatHasItsOwn) {
  EXPECT_EQ(claimed(), 27);
  std::erase_if(cluster_.objects, [](const auto& entry) { return entry.first.second.starts_with("audit"); });
  cluster_.put(storage_pool("audit", 1));
  cluster_.refuse = kube::ApiError{.status = 503, .reason = "ServiceUnavailable", .message = "not now"};
  static_cast<void>(look());
  cluster_.refuse.reset();
  EXPECT_EQ(claimed(), 27);
  settle();
  settle("second");
  settle();
  EXPECT_EQ(claimed(), 13) << "they share";
}

TEST_F(ClaimsOf, AScalingInDoubtCountsAfterTheStatefulSetIsSeenToBeGone) {
  change_spec("/spec/replicas", 0);
  settle();
  change_spec("/spec/replicas", 3);
  cluster_.refuse_kind = "StatefulSet";
  cluster_.refuse = kube::ApiError{.status = 504, .reason = "Timeout", .message = "too late"};
  static_cast<void>(look());
  pool()["metadata"]["deletionTimestamp"] = "2026-11-30T00:00:00Z";
  pool()["metadata"]["finalizers"].push_back("somebody/else");
  static_cast<void>(look());
  now_.steady += 1min;
  static_cast<void>(look());
  ASSERT_THAT(pool()["metadata"]["finalizers"], ElementsAre("somebody/else"));
  cluster_.refuse.reset();
  cluster_.objects.erase({"StatefulSet", "audit"});
  ASSERT_TRUE(look());
  cluster_.objects.erase({"StoragePool", "audit"});
  EXPECT_TRUE(look()->requeue_after) << "it may have been made before";
  now_.steady += Doubt::kLongest;
  EXPECT_FALSE(look()->requeue_after);
}

TEST_F(ClaimsOf, WhatIsGoneIsForgottenOnceItsPodsAreGone) {
  settle();
  cluster_.objects.erase({"StoragePool", "audit"});
  auto outcome = look();
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->requeue_after);
  cluster_.put(storage_pool("second", 1));
  settle("second");
  EXPECT_EQ(cluster_.get("StoragePool", "second")["status"]["connectionBudget"]["otherPools"], 27);
  for (const char* pod : {"audit-0", "audit-1", "audit-2"}) cluster_.remove_pod(pod);
  outcome = look();
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->requeue_after);
  EXPECT_THAT(cluster_.wanted.at(kAudit), IsEmpty());
}

TEST_F(ClaimsOf, AnInvalidSpecKeepsItsClaimAfterARestart) {
  settle();
  change_spec("/spec/pool", {{"maxOpenConns", 0}});
  cluster_.put(storage_pool("second", 1));
  restart_operator();
  settle("second");
  EXPECT_EQ(cluster_.get("StoragePool", "second")["status"]["connectionBudget"]["otherPools"], 27);
  EXPECT_EQ(cluster_.get("StoragePool", "second")["status"]["connectionBudget"]["granted"], 0);
}

TEST_F(ClaimsOf, AnObjectThatIsNotAsItWasKnownIsNotOverwritten) {
  settle();
  const Json object = cluster_.get("ConfigMap", "audit-config");
  const std::uint64_t version = kube::resource_version(object);
  Children children;
  for (const std::uint64_t known : {std::uint64_t{0}, version - 1, version + 1}) {
    const auto stored = children.write(cluster_, kube::resources::kConfigMaps, object, known);
    ASSERT_FALSE(stored) << known;
    EXPECT_EQ(stored.error().status, 409);
  }
  EXPECT_TRUE(children.write(cluster_, kube::resources::kConfigMaps, object, version));
}

}  // namespace
}  // namespace storagepool::reconcile
