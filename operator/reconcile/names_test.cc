// An object that has the name of a child and is somebody else's is left alone, and the StoragePool says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::HasSubstr;

constexpr std::pair<const char*, const char*> kChildren[] = {
    {"ServiceAccount", "audit"},      {"Service", "audit"},          {"Service", "audit-pods"},
    {"PodDisruptionBudget", "audit"}, {"ConfigMap", "audit-config"}, {"StatefulSet", "audit"}};

class Names : public Reconcile {
 protected:
  void start_anew() {
    cluster_.objects.clear();
    cluster_.pods.clear();
    cluster_.put(storage_pool("audit", 3));
    restart_operator();
  }
  // As a colleague's; `labelled`: as an object of the operator's, so that its cache shows it.
  Json foreign(const std::string& kind, const std::string& name, bool labelled, const std::string& owner) {
    Json object{{"kind", kind}, {"metadata", {{"name", name}, {"namespace", "team"}}}, {"theirs", true}};
    if (labelled) object["metadata"]["labels"] = {{"app.kubernetes.io/managed-by", "storagepool-operator"}};
    if (!owner.empty()) {
      object["metadata"]["ownerReferences"] = {
          {{"kind", "StoragePool"}, {"name", owner}, {"uid", "uid-of-" + owner}, {"controller", true}}};
    }
    return object;
  }
  void expect_left_alone(const std::string& kind, const std::string& name, bool labelled,
                         const std::string& owner) {
    SCOPED_TRACE(kind + " " + name + (labelled ? " in the cache" : "") + " of " + owner);
    start_anew();
    cluster_.put(foreign(kind, name, labelled, owner));
    const Json before = cluster_.get(kind, name);
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(look());
      if (cluster_.has("StatefulSet", "audit") && kind != "StatefulSet") cluster_.run_controller("audit");
    }
    EXPECT_EQ(cluster_.get(kind, name), before);
    EXPECT_EQ(condition(kStalled), "True NameTaken");
    EXPECT_EQ(condition(kReady), "False NameTaken");
    EXPECT_THAT(message(kStalled), HasSubstr(kind + " " + name));
    EXPECT_THAT(message(kStalled), HasSubstr(owner.empty() ? "no StoragePool" : "StoragePool " + owner));
    EXPECT_THAT(events(), ::testing::Contains("NameTaken"));

    cluster_.objects.erase({kind, name});
    settle();
    EXPECT_EQ(condition(kReady), "True Ready");
    EXPECT_EQ(condition(kStalled), "False NotStalled");
  }
};

TEST_F(Names, OfAnotherOwnerAreLeftAlone) {
  for (const auto& [kind, name] : kChildren) {
    expect_left_alone(kind, name, false, "");
    if (std::string_view(kind) == "Secret") continue;  // is never in the cache
    expect_left_alone(kind, name, true, "");
    expect_left_alone(kind, name, true, "other");
  }
}

TEST_F(Names, AnObjectThatTookTheNameMeanwhileIsLeftAlone) {
  settle();
  cluster_.objects.erase({"Service", "audit"});
  cluster_.put(foreign("Service", "audit", false, ""));
  const Json before = cluster_.get("Service", "audit");
  ASSERT_TRUE(look());
  EXPECT_EQ(cluster_.get("Service", "audit"), before);
  EXPECT_EQ(condition(kStalled), "True NameTaken");
}

TEST_F(Names, AConflictOverSomethingElseIsTriedAgain) {
  start_anew();
  cluster_.refuse_kind = "Service";
  cluster_.refuse =
      kube::ApiError{.status = 409, .reason = "Conflict", .message = "resourcequotas: modified"};
  const auto outcome = look();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is_conflict()) << outcome.error().to_string();
  cluster_.refuse.reset();
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(Names, WhatIsForeignOutlivesTheStoragePool) {
  for (const auto& [kind, name] : kChildren) {
    SCOPED_TRACE(std::string(kind) + " " + name);
    start_anew();
    cluster_.put(foreign(kind, name, false, ""));
    const Json before = cluster_.get(kind, name);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(look());
    pool()["metadata"]["deletionTimestamp"] = "2026-11-28T00:00:00Z";
    for (int i = 0; i < 5 && cluster_.has("StoragePool", "audit"); ++i) ASSERT_TRUE(look());
    EXPECT_FALSE(cluster_.has("StoragePool", "audit"));
    EXPECT_EQ(cluster_.get(kind, name), before);
  }
}

}  // namespace
}  // namespace storagepool::reconcile
