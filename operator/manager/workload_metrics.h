// What the operator's metrics tell of each other workload that declares what it holds. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "operator/reconcile/cluster/other_workloads.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::manager {

class WorkloadMetrics {
 public:
  explicit WorkloadMetrics(runtime::Metrics& metrics);  // which outlives this

  // All that count now.
  void publish(const std::vector<reconcile::CountedWorkload>& workloads);

 private:
  using Labels = std::map<std::string, std::string>;
  using Family = prometheus::Family<prometheus::Gauge>;
  // The values of a family, by labels.
  struct Shown {
    Family* family;
    std::map<Labels, prometheus::Gauge*> series = {};

    void set(const std::map<Labels, double>& values);
  };

  std::mutex mutex_;  // guards what follows
  Shown pods_;
  Shown connections_;
  Shown invalid_;
};

}  // namespace storagepool::manager
