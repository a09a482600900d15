#include "operator/reconcile/cluster/kept.h"

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "operator/reconcile/cluster/other_workload.h"

namespace storagepool::reconcile {
namespace {

using kube::Json;
using kube::Selection;

using Places = std::vector<std::string>;  // JSON pointers

Places with(Places places, std::initializer_list<const char*> more) {
  places.insert(places.end(), more.begin(), more.end());
  return places;
}

// Of the children that are kept as rendered: all that is rendered, which a start compares.
const Places kOfChildren{"/metadata/name",
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
const Places kOfOthers{"/metadata/name",
                       "/metadata/namespace",
                       "/metadata/uid",
                       "/metadata/resourceVersion",
                       "/metadata/deletionTimestamp",
                       "/metadata/labels/app.kubernetes.io~1instance",
                       "/metadata/labels/controller-revision-hash"};

Places of_pods() {
  Places places = with(
      kOfOthers, {"/spec/nodeName", "/status/phase", "/status/podIP", "/status/reason", "/status/message"});
  for (const char* member : {"type", "status", "reason", "message"})
    places.push_back(std::string("/status/conditions/*/") + member);
  for (const char* list : {"/status/containerStatuses/*/", "/status/initContainerStatuses/*/"}) {
    for (const char* member : {"name", "image", "ready", "restartCount", "state", "lastState"})
      places.push_back(std::string(list) + member);
  }
  return places;
}

const Places kOfClaims = with(kOfOthers, {"/spec/volumeName", "/spec/storageClassName"});
const Places kOfAutoscalers = with(kOfOthers, {"/spec/scaleTargetRef", "/spec/maxReplicas"});
const Places kOfNamespaces{"/metadata/name", "/metadata/uid", "/metadata/resourceVersion"};
const Places kOfStatefulSets =
    with(kOfChildren, {"/status/replicas", "/status/observedGeneration", "/status/updateRevision"});

const Places kOfOtherWorkloads =
    with(kOfNamespaces, {"/metadata/namespace", "/metadata/annotations/storagepool.dev~1server",
                         "/metadata/annotations/storagepool.dev~1connections-per-pod", "/spec/replicas",
                         "/spec/strategy/type", "/spec/strategy/rollingUpdate/maxSurge",
                         "/spec/template/spec/terminationGracePeriodSeconds", "/status/replicas",
                         "/status/terminatingReplicas"});
const Places kOfStrangers = with(kOfNamespaces, {"/metadata/namespace"});

}  // namespace

const kube::Selection& what_is_read(const kube::ResourceType& type) {
  static const Selection of_children = Selection::only(kOfChildren);
  static const std::map<std::string_view, Selection> of_kinds{
      {kube::resources::kStoragePools.kind,
       Selection::all_but({"/metadata/managedFields",
                           "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"})},
      {kube::resources::kPods.kind, Selection::only(of_pods())},
      {kube::resources::kPersistentVolumeClaims.kind, Selection::only(kOfClaims)},
      {kube::resources::kNamespaces.kind, Selection::only(kOfNamespaces)},
      {kube::resources::kHorizontalPodAutoscalers.kind, Selection::only(kOfAutoscalers)},
      {kube::resources::kStatefulSets.kind, Selection::only(kOfStatefulSets)}};
  const auto found = of_kinds.find(type.kind);
  return found == of_kinds.end() ? of_children : found->second;
}

const kube::Selection& what_is_read_of_other_workloads() {
  static const Selection selection = Selection::only(kOfOtherWorkloads);
  return selection;
}

void keep_of_other_workload(Json& object) {
  static const Selection of_strangers = Selection::only(kOfStrangers);
  object = (declares(object) ? what_is_read_of_other_workloads() : of_strangers).pick(object);
}

}  // namespace storagepool::reconcile
