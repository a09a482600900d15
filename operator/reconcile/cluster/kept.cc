#include "operator/reconcile/cluster/kept.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "operator/reconcile/cluster/other_workload.h"

namespace storagepool::reconcile {
namespace {

using kube::Json;

using Pointers = std::vector<std::string>;  // JSON pointers

// Of the children that are kept as rendered: all that is rendered, which a start compares.
const Pointers kOfChildren{"/metadata/name",
                           "/metadata/namespace",
                           "/metadata/uid",
                           "/metadata/generation",
                           "/metadata/resourceVersion",
                           "/metadata/deletionTimestamp",
                           "/metadata/labels",
                           "/metadata/annotations",
                           "/metadata/ownerReferences",
                           "/automountServiceAccountToken",
                           "/data",
                           "/spec"};
// Of what Kubernetes makes.
const Pointers kOfOthers{"/metadata/name",
                         "/metadata/namespace",
                         "/metadata/uid",
                         "/metadata/resourceVersion",
                         "/metadata/deletionTimestamp",
                         "/metadata/labels/app.kubernetes.io~1instance",
                         "/metadata/labels/controller-revision-hash"};

Pointers with(Pointers pointers, std::initializer_list<const char*> more) {
  pointers.insert(pointers.end(), more.begin(), more.end());
  return pointers;
}

const Pointers kOfPods =
    with(kOfOthers, {"/spec/nodeName", "/status/phase", "/status/podIP", "/status/reason", "/status/message",
                     "/status/conditions", "/status/containerStatuses", "/status/initContainerStatuses"});
const Pointers kOfClaims = with(kOfOthers, {"/spec/volumeName", "/spec/storageClassName"});
const Pointers kOfAutoscalers = with(kOfOthers, {"/spec/scaleTargetRef", "/spec/maxReplicas"});
const Pointers kOfNamespaces{"/metadata/name", "/metadata/uid", "/metadata/resourceVersion"};
const Pointers kOfStatefulSets =
    with(kOfChildren, {"/status/replicas", "/status/observedGeneration", "/status/updateRevision"});

const Pointers kOfOtherWorkloads =
    with(kOfNamespaces, {"/metadata/namespace", "/metadata/annotations/storagepool.dev~1server",
                         "/metadata/annotations/storagepool.dev~1connections-per-pod", "/spec/replicas",
                         "/spec/strategy/type", "/spec/strategy/rollingUpdate/maxSurge",
                         "/spec/template/spec/terminationGracePeriodSeconds", "/status/replicas",
                         "/status/terminatingReplicas"});
const Pointers kOfStrangers = with(kOfNamespaces, {"/metadata/namespace"});

void keep(Json& object, const Pointers& pointers) {
  Json kept = Json::object();
  for (const std::string& text : pointers) {
    const Json::json_pointer pointer(text);
    if (object.contains(pointer)) kept[pointer] = std::move(object[pointer]);
  }
  object = std::move(kept);
}

// Of each element of a list, if there is one.
void keep_in_each(Json& object, const char* pointer, std::initializer_list<const char*> members) {
  const Json::json_pointer list(pointer);
  if (!object.contains(list) || !object[list].is_array()) return;
  for (Json& element : object[list]) {
    if (!element.is_object()) continue;
    Json kept = Json::object();
    for (const char* member : members) {
      const auto found = element.find(member);
      if (found != element.end()) kept[member] = std::move(*found);
    }
    element = std::move(kept);
  }
}

void keep_of_pod(Json& object) {
  keep(object, kOfPods);
  keep_in_each(object, "/status/conditions", {"type", "status", "reason", "message"});
  for (const char* list : {"/status/containerStatuses", "/status/initContainerStatuses"})
    keep_in_each(object, list, {"name", "image", "ready", "restartCount", "state", "lastState"});
}

void keep_of_storage_pool(Json& object) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return;
  metadata->erase("managedFields");
  const auto annotations = metadata->find("annotations");
  if (annotations != metadata->end() && annotations->is_object())
    annotations->erase("kubectl.kubernetes.io/last-applied-configuration");
}

}  // namespace

void keep_what_is_read(const kube::ResourceType& type, Json& object) {
  const std::string_view kind = type.kind;
  if (kind == kube::resources::kStoragePools.kind) return keep_of_storage_pool(object);
  if (kind == kube::resources::kPods.kind) return keep_of_pod(object);
  if (kind == kube::resources::kPersistentVolumeClaims.kind) return keep(object, kOfClaims);
  if (kind == kube::resources::kNamespaces.kind) return keep(object, kOfNamespaces);
  if (kind == kube::resources::kHorizontalPodAutoscalers.kind) return keep(object, kOfAutoscalers);
  keep(object, kind == kube::resources::kStatefulSets.kind ? kOfStatefulSets : kOfChildren);
}

void keep_of_other_workload(Json& object) {
  keep(object, declares(object) ? kOfOtherWorkloads : kOfStrangers);
}

}  // namespace storagepool::reconcile
