// The loop around the reconciler: takes StoragePools from the work queue one at a time, and counts under
// controller-runtime's metric names, so that existing dashboards work.
#pragma once

#include <map>

#include "operator/kube/workqueue.h"
#include "operator/reconcile/reconcile.h"
#include "pool/common/runtime/metrics.h"

namespace storagepool::manager {

class Controller {
 public:
  // All outlive the controller.
  Controller(kube::WorkQueue& queue, reconcile::Reconciler& reconciler, runtime::Metrics& metrics);

  // Works until the queue is shut down.
  void run();

 private:
  struct BudgetGauges {
    prometheus::Gauge* usable;
    prometheus::Gauge* share;
    prometheus::Gauge* granted;
    prometheus::Gauge* per_pod;
  };
  void handle(const kube::ObjectKey& key);
  void publish(const kube::ObjectKey& key, const reconcile::Outcome& outcome);

  kube::WorkQueue& queue_;
  reconcile::Reconciler& reconciler_;
  prometheus::Counter& succeeded_;
  prometheus::Counter& failed_;
  prometheus::Counter& errors_;
  prometheus::Histogram& seconds_;
  prometheus::Gauge& active_;
  prometheus::Gauge& pools_;
  prometheus::Family<prometheus::Gauge>& usable_;
  prometheus::Family<prometheus::Gauge>& share_;
  prometheus::Family<prometheus::Gauge>& granted_;
  prometheus::Family<prometheus::Gauge>& per_pod_;
  std::map<kube::ObjectKey, BudgetGauges> budgets_;
};

}  // namespace storagepool::manager
