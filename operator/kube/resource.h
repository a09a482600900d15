// Names of things in the Kubernetes API: resource types (group, version, plural, kind), object keys, and the
// paths the API server knows them by (Kubernetes API concepts, "Resource URIs").
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace storagepool::kube {

using Json = nlohmann::json;

struct ResourceType {
  std::string_view group;  // empty: the core group
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  bool namespaced = true;

  std::string api_version() const;  // "apps/v1", "v1"
};

namespace resources {
inline constexpr ResourceType kPods{"", "v1", "pods", "Pod"};
inline constexpr ResourceType kServices{"", "v1", "services", "Service"};
inline constexpr ResourceType kConfigMaps{"", "v1", "configmaps", "ConfigMap"};
inline constexpr ResourceType kPersistentVolumeClaims{"", "v1", "persistentvolumeclaims",
                                                      "PersistentVolumeClaim"};
inline constexpr ResourceType kSecrets{"", "v1", "secrets", "Secret"};
inline constexpr ResourceType kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount"};
inline constexpr ResourceType kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr ResourceType kDeployments{"apps", "v1", "deployments", "Deployment"};
inline constexpr ResourceType kStatefulSets{"apps", "v1", "statefulsets", "StatefulSet"};
inline constexpr ResourceType kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets",
                                                    "PodDisruptionBudget"};
inline constexpr ResourceType kHorizontalPodAutoscalers{"autoscaling", "v2", "horizontalpodautoscalers",
                                                        "HorizontalPodAutoscaler"};
inline constexpr ResourceType kEvents{"events.k8s.io", "v1", "events", "Event"};
inline constexpr ResourceType kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline constexpr ResourceType kCustomResourceDefinitions{
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false};
inline constexpr ResourceType kStoragePools{"storagepool.dev", "v1alpha1", "storagepools", "StoragePool"};
}  // namespace resources

struct ObjectKey {
  std::string name_space;  // empty for cluster-wide objects
  std::string name;

  std::string to_string() const;  // "namespace/name"
  auto operator<=>(const ObjectKey&) const = default;
};

// "/apis/apps/v1/namespaces/a/statefulsets"; without a namespace, over all namespaces.
std::string collection_path(const ResourceType& type, std::string_view name_space);
// "/apis/apps/v1/namespaces/a/statefulsets/b/status"; `subresource` may be empty.
std::string object_path(const ResourceType& type, const ObjectKey& key, std::string_view subresource = {});

}  // namespace storagepool::kube
