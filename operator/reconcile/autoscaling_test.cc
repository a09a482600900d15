// A StoragePool that a HorizontalPodAutoscaler scales.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Autoscaled : public Reconcile {
 protected:
  void autoscale(int most) {
    cluster_.put(
        {{"kind", "HorizontalPodAutoscaler"},
         {"metadata", {{"name", "audit"}, {"namespace", "team"}}},
         {"spec",
          {{"maxReplicas", most},
           {"scaleTargetRef",
            {{"apiVersion", "storagepool.dev/v1alpha1"}, {"kind", "StoragePool"}, {"name", "audit"}}}}}});
  }
  Json budget() { return status()["connectionBudget"]; }
};

TEST_F(Autoscaled, SizedForTheMaximumItScalesOutWithoutANewGrant) {
  change_spec("/spec/budget/sizeFor", "Maximum");
  autoscale(5);
  settle();
  EXPECT_EQ(budget()["perPod"], 5);  // 27 / 5
  EXPECT_EQ(budget()["granted"], 15);
  EXPECT_EQ(budget()["share"], 15);
  EXPECT_EQ(condition(kBudgetExceeded), "True LimitsReduced");
  EXPECT_THAT(message(kBudgetExceeded), HasSubstr("5 pods (replicas 3, an autoscaler's maximum 5)"));
  const Json generation = status()["settingsGeneration"];
  change_spec("/spec/replicas", 5);
  settle();
  EXPECT_EQ(status()["ready"], "5/5");
  EXPECT_EQ(budget()["perPod"], 5);
  EXPECT_EQ(status()["settingsGeneration"], generation) << "nobody shrank";
}

TEST_F(Autoscaled, AChangedMaximumIsTakenUp) {
  change_spec("/spec/budget/sizeFor", "Maximum");
  settle();
  EXPECT_EQ(budget()["perPod"], 9) << "without an autoscaler, for the replicas";
  autoscale(9);
  settle();
  EXPECT_EQ(budget()["perPod"], 3);
  cluster_.objects.erase({"HorizontalPodAutoscaler", "audit"});
  settle();
  EXPECT_EQ(budget()["perPod"], 9);
}

TEST_F(Autoscaled, SizedForTheReplicasItIsToldBeforeTheMaximumHurts) {
  change_spec("/spec/budget/minConnsPerPod", 4);
  autoscale(6);
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(budget()["perPod"], 9);
  EXPECT_EQ(budget()["maxSafeReplicas"], 6);
  EXPECT_EQ(condition(kBudgetExceeded), "True LimitsReduced");
  autoscale(7);
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(condition(kStalled), "False NotStalled");
  EXPECT_EQ(condition(kRolloutBlocked), "False NotBlocked");
  EXPECT_EQ(condition(kBudgetExceeded), "True MaximumDoesNotFit");
  EXPECT_THAT(message(kBudgetExceeded),
              HasSubstr("up to 6 replicas are safe, with minConnsPerPod 4 each, and an "
                        "autoscaler may ask for 7. What helps: lower the "
                        "autoscaler's maxReplicas to 6"));
  cluster_.writes.clear();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.writes, IsEmpty());
}

TEST(Autoscaler, IsOfTheStoragePoolThatItScales) {
  const auto scaled = [](const char* target) {
    return scaled_by({{"spec", {{"scaleTargetRef", Json::parse(target)}}}});
  };
  EXPECT_EQ(scaled(R"({"apiVersion": "storagepool.dev/v1alpha1", "kind": "StoragePool", "name": "a"})"), "a");
  EXPECT_EQ(scaled(R"({"apiVersion": "storagepool.dev/v1", "kind": "StoragePool", "name": "a"})"), "a");
  EXPECT_EQ(scaled(R"({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "a"})"), "");
  EXPECT_EQ(scaled(R"({"kind": "StoragePool", "name": "a"})"), "");
  EXPECT_EQ(scaled("7"), "");
  EXPECT_EQ(scaled_by(7), "");
}

TEST(Autoscaler, TheLargestMaximumCounts) {
  const auto with = [](const Json& most) {
    return std::make_shared<const Json>(Json{{"spec", {{"maxReplicas", most}}}});
  };
  EXPECT_EQ(max_replicas_of({}), 0);
  EXPECT_EQ(max_replicas_of({with(3), with(7), with("x")}), 7);
  EXPECT_EQ(max_replicas_of({with(1'000'000)}), 1000) << "no more than spec.replicas may be";
  EXPECT_EQ(max_replicas_of({with(-4)}), 0);
}

}  // namespace
}  // namespace storagepool::reconcile
