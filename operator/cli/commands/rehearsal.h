// What the operator would do with StoragePools, played through with its own planner, Ledger and next_step:
// pods start, confirm and go at once, everything else is as it would be. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/step/next_step.h"
#include "operator/sizing/ledger.h"

namespace storagepool::cli {

// A StoragePool as it is, and as it is wanted.
struct Actor {
  sizing::Account account;  // `existing` and `ceiling` are taken from the next two
  reconcile::Desired desired;
  std::optional<reconcile::Granted> granted{};
  std::optional<reconcile::Workload> workload{};
  std::int64_t pods = 0;
  std::int64_t last_generation = 0;
  std::optional<sizing::KnownFacts> told_by_pods{};  // once there are any, where the account has no facts
  bool rests = false;                                // nothing is done with it: it only counts
};

struct RehearsedStep {
  std::size_t actor = 0;
  std::string what;          // for people
  std::int64_t claimed = 0;  // what all may hold on its server after it
  friend bool operator==(const RehearsedStep&, const RehearsedStep&) = default;
};

struct Outcome {
  sizing::Plan plan;
  reconcile::Granted granted;
  std::int64_t replicas = 0;
  std::int64_t peak_pods = 0;
  std::string waits;  // why it does not come further; empty: it is as wanted, or as far as it can be
};

struct Rehearsal {
  std::vector<RehearsedStep> steps;
  std::vector<Outcome> outcomes;  // of each actor
};

// `workloads`: what others hold throughout.
Rehearsal rehearse(std::vector<Actor> actors, const std::vector<sizing::OtherWorkload>& workloads = {});

}  // namespace storagepool::cli
