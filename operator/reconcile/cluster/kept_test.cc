#include "operator/reconcile/cluster/kept.h"

#include <gtest/gtest.h>

namespace storagepool::reconcile {
namespace {

using kube::Json;

Json kept(const kube::ResourceType& type, const Json& object) {
  return what_is_read(type).pick(object);
}

// That nothing is lost that is read, all tests over the fake cluster show: its caches keep no more.
TEST(KeptTest, OfAPodNothingOfItsTemplateIsKept) {
  const Json pod = {
      {"metadata",
       {{"name", "a-0"},
        {"labels", {{"app.kubernetes.io/instance", "a"}, {"statefulset.kubernetes.io/pod-name", "a-0"}}},
        {"annotations", {{"k", "v"}}},
        {"managedFields", Json::array({1})}}},
      {"spec", {{"nodeName", "n"}, {"containers", Json::array({{{"name", "c"}}})}}},
      {"status",
       {{"phase", "Running"},
        {"qosClass", "Burstable"},
        {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", "t"}}})},
        {"containerStatuses", Json::array({{{"ready", true}, {"imageID", "i"}}, 7})}}}};
  EXPECT_EQ(kept(kube::resources::kPods, pod),
            (Json{{"metadata", {{"name", "a-0"}, {"labels", {{"app.kubernetes.io/instance", "a"}}}}},
                  {"spec", {{"nodeName", "n"}}},
                  {"status",
                   {{"phase", "Running"},
                    {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})},
                    {"containerStatuses", Json::array({{{"ready", true}}, 7})}}}}));
}

TEST(KeptTest, OfAChildWhatIsRenderedIsKept) {
  const Json set = {{"metadata", {{"name", "a"}, {"labels", {{"x", "y"}}}, {"managedFields", 1}}},
                    {"spec", {{"replicas", 3}, {"template", {{"spec", 1}}}}},
                    {"status", {{"observedGeneration", 2}, {"conditions", Json::array()}}}};
  EXPECT_EQ(kept(kube::resources::kStatefulSets, set),
            (Json{{"metadata", {{"name", "a"}, {"labels", {{"x", "y"}}}}},
                  {"spec", {{"replicas", 3}, {"template", {{"spec", 1}}}}},
                  {"status", {{"observedGeneration", 2}}}}));
  const Json budget = {{"metadata", {{"name", "a"}}}, {"spec", {{"minAvailable", 1}}}, {"status", 1}};
  EXPECT_EQ(kept(kube::resources::kPodDisruptionBudgets, budget),
            (Json{{"metadata", {{"name", "a"}}}, {"spec", {{"minAvailable", 1}}}}));
}

TEST(KeptTest, AStoragePoolIsKeptButForWhatOthersNoted) {
  const Json pool = {
      {"metadata",
       {{"name", "a"},
        {"managedFields", 1},
        {"annotations", {{"kubectl.kubernetes.io/last-applied-configuration", "{}"}, {"k", "v"}}}}},
      {"spec", {{"any", 1}}}};
  EXPECT_EQ(kept(kube::resources::kStoragePools, pool),
            (Json{{"metadata", {{"name", "a"}, {"annotations", {{"k", "v"}}}}}, {"spec", {{"any", 1}}}}));
}

TEST(KeptTest, AnyShapeIsTaken) {
  for (const Json& object :
       {Json::object(), Json{{"metadata", 7}}, Json{{"metadata", {{"labels", Json::array({1})}}}},
        Json{{"spec", "s"}, {"status", Json::array({Json::object()})}},
        Json{{"metadata", {{"annotations", 1}}}, {"status", {{"conditions", {{"a", 1}}}}}}}) {
    for (const auto& type : {kube::resources::kPods, kube::resources::kStatefulSets,
                             kube::resources::kStoragePools, kube::resources::kConfigMaps,
                             kube::resources::kPersistentVolumeClaims, kube::resources::kServices}) {
      EXPECT_TRUE(kept(type, object).is_object()) << object;
    }
  }
}

}  // namespace
}  // namespace storagepool::reconcile
