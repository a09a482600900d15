// The objects of a StoragePool as reconciling looks at them, read from their JSON. Whatever has another shape
// than expected reads as absent: objects can be edited by anybody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/reconcile/next_step.h"
#include "operator/render/storage_pool.h"

namespace storagepool::reconcile {

using kube::Json;

struct PodView {
  std::string name = {};
  std::string uid = {};
  std::int64_t ordinal = 0;
  bool terminating = false;
  bool started = false;  // on a node and not ended
  bool ready = false;
  std::string ip = {};
  std::string postgres_hash = {};
};

// Nothing when the object is not the pod NAME-<ordinal> of the StoragePool's StatefulSet.
std::optional<PodView> read_pod(const Json& object, const std::string& pool);

// Nothing when the ConfigMap is not one that a pod would accept.
std::optional<Granted> read_config_map(const Json& object);

struct WorkloadView {
  Workload workload;
  std::int64_t generation = 0;
  bool volumes = false;  // its pods have claims
};
std::optional<WorkloadView> read_stateful_set(const Json& object);

}  // namespace storagepool::reconcile
