// The status of a StoragePool as a pure function of what was observed: numbers, conditions (conditions.h),
// and the events that a change of them is worth.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/events.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/reconcile/view/pod_state.h"
#include "operator/reconcile/status/status.h"
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
  std::vector<ClaimView> claims;
  std::vector<std::string> filled;          // see filled_journals
  std::optional<sizing::KnownFacts> facts;  // this StoragePool's own
  std::optional<Trouble> trouble;           // of its pods
  std::optional<Reason> reserve_too_small;  // for what others have
  std::optional<Reason> awaits_turn;        // why pods are not made as this operator makes them
  std::optional<std::string> no_issuer;     // why pods know no keys of service-account tokens
};

struct StatusInput {
  std::string name_space;
  std::string name;
  std::int64_t generation = 0;  // metadata.generation of the StoragePool
  runtime::Timestamp now;
  Status previous;                // its status before
  std::optional<Reason> stall;    // no progress can be made until somebody changes something
  std::optional<Reason> failure;  // a request to the API server fails, which may pass
  // Absent when the spec is invalid or a write has failed before anything was observed.
  std::optional<Seen> seen;
};

// Where the pods are led to.
const settings::PostgresTarget& led_to(const Seen& seen);

// What cannot be observed now stays as it was before, conditions of others too.
Status build_status(const StatusInput& input);

// Events for the transitions from one status to the next; `regarding` is left for the caller.
std::vector<kube::Event> transition_events(const Status& before, const Status& after);

}  // namespace storagepool::reconcile
