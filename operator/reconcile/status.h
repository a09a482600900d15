// The status of a StoragePool, as a pure function of what was observed: numbers, conditions with their
// transition times, and the events that a change of conditions is worth. Conditions follow kstatus: Ready,
// and Reconciling and Stalled that are True only while work goes on or cannot go on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/events.h"
#include "operator/reconcile/next_step.h"
#include "operator/reconcile/pod_admin.h"
#include "operator/reconcile/view.h"
#include "operator/render/storage_pool.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::reconcile {

// What was observed of a StoragePool with a valid spec.
struct Seen {
  render::Spec spec;
  bool deleting = false;
  Step step;
  Granted granted;  // generation 0: nothing yet
  Workload workload;
  std::vector<PodState> pods;
  std::optional<KnownFacts> facts;  // this StoragePool's own
};

struct StatusInput {
  std::string name;
  std::int64_t generation = 0;  // metadata.generation of the StoragePool
  runtime::Timestamp now;
  Json previous;                // its status before; null: none
  std::optional<Reason> stall;  // no progress can be made until somebody changes something
  std::optional<Seen>
      seen;  // absent when the spec is invalid or a write was refused before anything was observed
};

Json build_status(const StatusInput& input);

// Whether two statuses differ, and whether in more than the numbers that change by themselves (open, inUse,
// idle, waitCount).
enum class Difference { kNone, kVolatileOnly, kReal };
Difference difference(const Json& before, const Json& after);

// Events for the transitions from one status to the next; `regarding` is left for the caller.
std::vector<kube::Event> transition_events(const Json& before, const Json& after);

// PostgresReachable as the pods with the current target report it.
struct Reachability {
  std::string status = "Unknown";
  std::string reason = "NoPodAnswers";
  std::string message;
};
Reachability reachability(const Seen& seen);

}  // namespace storagepool::reconcile
