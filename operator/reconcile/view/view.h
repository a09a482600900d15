// The objects of a StoragePool as reconciling looks at them, read from their JSON. Whatever has another shape
// than expected reads as absent: objects can be edited by anybody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/kube/watch/informer.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/reconcile/view/trouble.h"
#include "operator/render/storage_pool.h"

namespace storagepool::reconcile {

using kube::Json;

struct PodView {
  std::string name = {};
  std::string uid = {};
  std::int64_t ordinal = 0;
  bool terminating = false;
  bool started = false;  // on a node and not ended
  bool ended = false;    // by itself, with all that it held
  bool ready = false;
  std::string ip = {};
  std::string revision = {};            // of the pod template it was made from
  bool ran = false;                     // its container has run, so there may be something on its disk
  bool creating = false;                // on a node, and nothing of it has begun yet
  std::optional<Trouble> trouble = {};  // what keeps it from being ready, by its own status
  std::int64_t restarts = 0;            // of its containers
};

// Of the pod NAME-<ordinal> of the StoragePool NAME; nothing when it has another name.
std::optional<std::int64_t> ordinal_of(const std::string& pod, const std::string& pool);
// Nothing when the object is not the pod NAME-<ordinal> of the StoragePool's StatefulSet.
std::optional<PodView> read_pod(const Json& object, const std::string& pool);

struct ConfigView {
  Granted granted;
  std::vector<std::string> leaving = {};  // render::kLeavingAnnotation
  std::vector<std::string> tried = {};    // render::kTriedAnnotation
  std::string access = {};                // text of render::kAccessFile
};
// Nothing when the ConfigMap is not one that a pod would accept.
std::optional<ConfigView> read_config_map(const Json& object);

struct WorkloadView {
  Workload workload;
  std::string uid = {};
  std::int64_t generation = 0;
  std::string pod_template = {};  // render::kTemplateAnnotation
  std::string rollout = {};       // render::kRolloutAnnotation, the template
  bool was_ready = true;          // when that began
  bool has_log_key = false;       // render::kLogKeyAnnotation
};
std::optional<WorkloadView> read_stateful_set(const Json& object);

// Whether the pod is made from the template that its StatefulSet has now; nothing: the controller has not
// seen that yet.
std::optional<bool> is_current(const PodView& pod, const Workload& workload);

struct ClaimView {
  std::string name = {};
  std::string uid = {};
  std::int64_t ordinal = 0;
  bool bound = false;      // has or had a volume
  bool has_class = false;  // a StorageClass, named or the default
};
// Nothing when the object is not the claim of a pod of the StoragePool's StatefulSet, or is being deleted.
std::optional<ClaimView> read_claim(const Json& object, const std::string& pool);

// The name of the object of this type that a HorizontalPodAutoscaler scales; empty: it scales something else.
std::string scaled_by(const Json& autoscaler,
                      const kube::ResourceType& type = kube::resources::kStoragePools);
// Up to how many replicas one of them may ask for; 0: there is none.
std::int64_t max_replicas_of(const std::vector<kube::ObjectPtr>& autoscalers);

}  // namespace storagepool::reconcile
