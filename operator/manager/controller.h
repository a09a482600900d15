// The loop around the reconciler: workers take StoragePools from the work queue, which gives none to two of
// them, and count under controller-runtime's metric names, so that existing dashboards work.
#pragma once

#include <chrono>
#include <mutex>

#include "operator/kube/workqueue.h"
#include "operator/manager/pool_metrics.h"
#include "operator/reconcile/reconcile.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::manager {

// A look sends some ten requests at most, one after the other, each with 20 s.
inline constexpr std::chrono::minutes kLookLimit{5};

class Controller {
 public:
  // All outlive the controller.
  Controller(kube::WorkQueue& queue, reconcile::Reconciler& reconciler, runtime::Metrics& metrics);

  // Works with so many workers, of which the caller is one, until the queue is shut down. What one of them
  // throws ends all, and is thrown.
  void run(int workers);

 private:
  void work();
  void handle(const kube::ObjectKey& key);
  void give_memory_back();

  kube::WorkQueue& queue_;
  reconcile::Reconciler& reconciler_;
  prometheus::Counter& succeeded_;
  prometheus::Counter& to_go_on_;
  prometheus::Counter& failed_;
  prometheus::Counter& errors_;
  prometheus::Histogram& seconds_;
  prometheus::Gauge& active_;
  prometheus::Gauge& workers_;
  PoolMetrics pools_;
  std::mutex mutex_;  // guards what follows
  runtime::TimePoint gave_back_at_{};
};

}  // namespace storagepool::manager
