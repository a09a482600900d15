// What a start of the operator applies of the children that are there.
#include "operator/reconcile/children.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Start : public Reconcile {
 protected:
  Start() {
    Json spec = pool();
    spec["spec"]["resources"] = {{"limits", {{"cpu", "1"}, {"memory", "64Mi"}}}};
    spec["spec"]["nodeSelector"] = {{"disk", "fast"}};
    cluster_.put(spec);
    settle();
    cluster_.writes.clear();
  }
  void change(const char* kind, const std::string& name, const char* pointer, const Json& value) {
    Json object = cluster_.get(kind, name);
    object[Json::json_pointer(pointer)] = value;
    cluster_.put(object);
  }
  void take_away(const char* kind, const std::string& name, const char* pointer) {
    Json object = cluster_.get(kind, name);
    const Json::json_pointer path(pointer);
    object[path.parent_pointer()].erase(path.back());
    cluster_.put(object);
  }
  const std::vector<std::string>& written_after_a_start() {
    restart_operator();
    settle();
    return cluster_.writes;
  }
};

TEST_F(Start, AppliesNothingThatIsAsItWouldBeApplied) {
  EXPECT_THAT(written_after_a_start(), IsEmpty());
}

TEST_F(Start, LeavesAloneWhatOthersAndTheApiServerHaveAdded) {
  change("Service", "audit", "/spec/clusterIP", "10.0.0.7");
  change("Service", "audit", "/metadata/annotations/example.com~1note", "theirs");
  change("StatefulSet", "audit", "/spec/template/spec/dnsPolicy", "ClusterFirst");
  change("StatefulSet", "audit", "/spec/template/spec/containers/0/terminationMessagePath", "/dev/x");
  for (std::size_t i = 0; i < cluster_.pods.size(); ++i) cluster_.run_controller("audit");  // replaces one
  cluster_.writes.clear();
  EXPECT_THAT(written_after_a_start(), IsEmpty());
}

TEST_F(Start, AppliesWhatSomebodyChangedOrTookAwayMeanwhile) {
  change("StatefulSet", "audit", "/spec/template/spec/containers/0/image", "theirs:1");
  EXPECT_THAT(written_after_a_start(), ::testing::Contains("apply StatefulSet/audit"));
  cluster_.writes.clear();
  take_away("Service", "audit", "/spec/selector/app.kubernetes.io~1instance");
  EXPECT_THAT(written_after_a_start(), ElementsAre("apply Service/audit"));
  cluster_.writes.clear();
  change("PodDisruptionBudget", "audit", "/spec/maxUnavailable", 2);
  EXPECT_THAT(written_after_a_start(), ElementsAre("apply PodDisruptionBudget/audit"));
  cluster_.writes.clear();
  change("ServiceAccount", "audit", "/automountServiceAccountToken", true);
  EXPECT_THAT(written_after_a_start(), ElementsAre("apply ServiceAccount/audit"));
}

TEST_F(Start, AppliesWhereMoreOrFewerOfAListAreThere) {
  Json ports = cluster_.get("Service", "audit")["spec"]["ports"];
  ports.push_back({{"name", "more"}, {"port", 1}});
  change("Service", "audit", "/spec/ports", ports);
  EXPECT_THAT(written_after_a_start(), ElementsAre("apply Service/audit"));
  cluster_.writes.clear();
  change("Service", "audit", "/spec/ports", Json::array());
  EXPECT_THAT(written_after_a_start(), ElementsAre("apply Service/audit"));
}

// What this one does not set must go, and what is there does not tell who set it.
TEST_F(Start, AppliesWhereAnotherRenderingWasAppliedLast) {
  change("Service", "audit", "/metadata/annotations/storagepool.dev~1applied", "of an older operator");
  change("Service", "audit", "/spec/sessionAffinity", "ClientIP");
  EXPECT_THAT(written_after_a_start(), ElementsAre("apply Service/audit"));
  cluster_.writes.clear();
  take_away("ServiceAccount", "audit", "/metadata/annotations/storagepool.dev~1applied");
  EXPECT_THAT(written_after_a_start(), ElementsAre("apply ServiceAccount/audit")) << "it told of none";
}

TEST_F(Start, AppliesWhereAPatchHasLeftAnAnnotation) {
  change("StatefulSet", "audit", "/metadata/annotations/storagepool.dev~1rollout", "earlier");
  EXPECT_THAT(written_after_a_start(), ::testing::Contains("apply StatefulSet/audit"));
  EXPECT_FALSE(cluster_.get("StatefulSet", "audit")["metadata"]["annotations"].contains(
      std::string(render::kRolloutAnnotation)));
}

}  // namespace
}  // namespace storagepool::reconcile
