// Brings one StoragePool at a time to what its spec says: observe -> next_step (pure) -> act -> status.
// Level-based: it looks at what is, not at what happened, and may be called at any time, any number of times.
// One thread.
//
// It reads caches only and waits for no pod. Writes only where something is to change: with nothing to do a
// look at a StoragePool costs no request.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/pods/pods.h"
#include "operator/reconcile/cluster.h"
#include "operator/reconcile/memory.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::reconcile {

struct Options {
  std::string default_image;
  std::string admin_key;                     // from which the pods' tokens are derived
  std::chrono::milliseconds resync{10'000};  // a look at least this often
};

struct Moment {
  runtime::TimePoint steady;
  runtime::Timestamp wall;
};

// For metrics.
struct BudgetNumbers {
  std::int64_t usable = 0;
  std::int64_t granted = 0;
  std::int64_t per_pod = 0;
};

struct Outcome {
  std::optional<std::chrono::milliseconds> requeue_after;  // until the next look; absent: it is gone
  std::optional<BudgetNumbers> budget;                     // absent: not known, or gone
};

class Reconciler {
 public:
  // All outlive the reconciler; the cluster's caches have synced.
  Reconciler(Cluster& cluster, pods::Pods& pods, Options options);
  ~Reconciler();

  // An error is one that may pass: try again with back-off. What needs a person is in the status.
  tl::expected<Outcome, kube::ApiError> reconcile(const kube::ObjectKey& key, const Moment& now);

 private:
  Memory& remember(const kube::ObjectKey& key, const kube::ObjectPtr& object, const Moment& now);
  std::vector<Member> members() const;

  Cluster& cluster_;
  pods::Pods& pods_;
  Options options_;
  bool primed_ = false;
  std::map<kube::ObjectKey, Memory> memories_;
};

}  // namespace storagepool::reconcile
