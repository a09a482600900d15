#include "operator/kube/resource.h"

#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

TEST(ResourceTest, PathsOfEachGroup) {
  EXPECT_EQ(collection_path(resources::kPods, "a"), "/api/v1/namespaces/a/pods");
  EXPECT_EQ(collection_path(resources::kPods, ""), "/api/v1/pods");
  EXPECT_EQ(object_path(resources::kStatefulSets, {"a", "b"}), "/apis/apps/v1/namespaces/a/statefulsets/b");
  EXPECT_EQ(object_path(resources::kPodDisruptionBudgets, {"a", "b"}),
            "/apis/policy/v1/namespaces/a/poddisruptionbudgets/b");
  EXPECT_EQ(object_path(resources::kStoragePools, {"a", "b"}, "status"),
            "/apis/storagepool.dev/v1alpha1/namespaces/a/storagepools/b/status");
  EXPECT_EQ(object_path(resources::kNamespaces, {"", "b"}), "/api/v1/namespaces/b");
  EXPECT_EQ(object_path(resources::kNamespaces, {"ignored", "b"}), "/api/v1/namespaces/b");
}

TEST(ResourceTest, ApiVersions) {
  EXPECT_EQ(resources::kPods.api_version(), "v1");
  EXPECT_EQ(resources::kLeases.api_version(), "coordination.k8s.io/v1");
}

TEST(ResourceTest, ANameCannotLeaveItsPath) {
  EXPECT_EQ(object_path(resources::kPods, {"a/../b", "../c?x=1#y"}),
            "/api/v1/namespaces/a%2F..%2Fb/pods/..%2Fc%3Fx%3D1%23y");
  EXPECT_EQ(object_path(resources::kPods, {"a", ".."}), "/api/v1/namespaces/a/pods/%2E%2E");
}

}  // namespace
}  // namespace storagepool::kube
