// What the operator remembers of one StoragePool between two looks at it. All of it can be lost at any
// moment: it saves work, and nothing more. What was just written the caches show by themselves
// (operator/kube/watch/overlay.h).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/children.h"
#include "operator/reconcile/view/departed.h"
#include "operator/reconcile/view/inquiry.h"
#include "operator/reconcile/cluster/reserve_watch.h"
#include "operator/reconcile/status/status.h"
#include "operator/reconcile/view/view.h"
#include "operator/reconcile/cluster/viewed.h"
#include "operator/sizing/known_facts.h"

namespace storagepool::reconcile {

// A number of the ledger that a write may have raised of which the end is not known, or that an object had
// before it was seen in an older version: then the API server's storage was restored. It counts until the
// object is seen in another version than the write was to change, and no longer than a write can be under
// way; also when the StoragePool is let go before that (Reconciler::forget). Of a write that was under way as
// the operator itself ended the next one knows nothing: see the open cases of docs/testing.md.
struct Doubt {
  static constexpr std::chrono::minutes kLongest{5};
  std::uint64_t version = 0;
  std::int64_t number = 0;
  std::chrono::steady_clock::time_point since = {};
};

struct Memory {
  std::string uid;
  Children children;
  Viewed<ConfigView> config;
  Viewed<WorkloadView> workload;
  Viewed<Status> status;
  ViewedAll<PodView> pods;
  ViewedAll<ClaimView> claims;
  std::chrono::steady_clock::time_point status_written_at{};
  std::chrono::steady_clock::time_point progressed_at{};
  std::optional<std::chrono::steady_clock::time_point> leaving_since;  // pods are to go for good
  bool deleting = false;                                               // and their StoragePool with them
  Inquiry inquiry;                                                     // why pods do not come up
  SchedulerWords scheduler;
  Departed departed;
  // Since when each look has ended with a request that failed and may pass.
  std::optional<std::chrono::steady_clock::time_point> failing_since;
  std::string own_template;     // that a change of the spec has asked for, as render::kTemplateAnnotation
  std::int64_t generation = 0;  // metadata.generation when it was last looked at
  std::optional<Doubt> ceiling_in_doubt;
  std::optional<Doubt> peak_in_doubt;
  // Of a deleted StoragePool that was let go while a write of its StatefulSet was in doubt: until when that
  // may still be made.
  std::optional<std::chrono::steady_clock::time_point> may_be_made_until;
  // Of the ConfigMap and the StatefulSet, for when they are lost; 0: not known.
  std::int64_t last_ceiling = 0;
  std::int64_t last_peak = 0;
  std::string target;                       // host:port/database where the pods are led to
  std::optional<sizing::KnownFacts> facts;  // of it, from the StoragePool's own pods
  std::optional<ReserveWatch> reserve;      // likewise; absent: not looked at yet
  // As the ledger names servers: where the pods are led to, where they may be besides, and what they may try.
  std::string server;
  std::vector<std::string> leaving;
  std::vector<std::string> tried;
  bool log_key_made = false;  // or found, while the StatefulSet does not say so
  bool read_servers = false;  // the last two, from the ConfigMap, once
  // Where the spec leads while that is another server; else empty.
  std::string destination;
  std::string destination_target;  // host:port/database that `destination_facts` are about
  std::optional<sizing::KnownFacts> destination_facts;
};

}  // namespace storagepool::reconcile
