// What the operator's metrics tell of each StoragePool: its budget, and the conditions that are not as they
// should be. Of one that is well there are five series, however many conditions it has. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "operator/reconcile/reconcile.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::manager {

class PoolMetrics {
 public:
  explicit PoolMetrics(runtime::Metrics& metrics);  // which outlives this

  // What the latest look at a StoragePool came to.
  void publish(const kube::ObjectKey& key, const reconcile::Outcome& outcome);

 private:
  struct Budget {
    std::string server;
    prometheus::Gauge* usable;
    prometheus::Gauge* share;
    prometheus::Gauge* granted;
    prometheus::Gauge* per_pod;
  };
  struct Known {
    std::optional<Budget> budget;
    std::vector<reconcile::Complaint> complaints;
    std::vector<prometheus::Gauge*> conditions;  // one for each complaint
  };
  void publish_budget(const kube::ObjectKey& key, Known& known, const reconcile::BudgetNumbers& numbers);
  void publish_complaints(const kube::ObjectKey& key, Known& known,
                          const std::vector<reconcile::Complaint>& complaints);
  void remove_budget(Known& known);

  prometheus::Gauge& managed_;
  prometheus::Family<prometheus::Gauge>& usable_;
  prometheus::Family<prometheus::Gauge>& share_;
  prometheus::Family<prometheus::Gauge>& granted_;
  prometheus::Family<prometheus::Gauge>& per_pod_;
  prometheus::Family<prometheus::Gauge>& condition_;
  std::mutex mutex_;  // guards what follows
  std::map<kube::ObjectKey, Known> known_;
};

}  // namespace storagepool::manager
