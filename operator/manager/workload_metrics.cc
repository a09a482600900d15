#include "operator/manager/workload_metrics.h"

#include <utility>

#include "operator/manager/gauge.h"

namespace storagepool::manager {

WorkloadMetrics::WorkloadMetrics(runtime::Metrics& metrics)
    : pods_{&gauge(metrics, "storagepool_other_workload_pods",
                   "Pods of another workload that may exist, as they count")},
      connections_{&gauge(metrics, "storagepool_other_workload_connections",
                          "Connections that the pods of another workload may hold by what it declares")},
      invalid_{&gauge(metrics, "storagepool_other_workload_invalid",
                      "1 for each other workload whose annotations cannot be read")} {}

void WorkloadMetrics::publish(const std::vector<reconcile::CountedWorkload>& workloads) {
  std::map<Labels, double> pods;
  std::map<Labels, double> connections;
  std::map<Labels, double> invalid;
  for (const reconcile::CountedWorkload& workload : workloads) {
    Labels labels{{"kind", std::string(workload.kind)},
                  {"namespace", workload.key.name_space},
                  {"name", workload.key.name}};
    if (!workload.readable) invalid[labels] = 1;
    if (workload.counts.server.empty()) continue;
    labels["server"] = workload.counts.server;
    pods[labels] += static_cast<double>(workload.counts.pods);
    connections[labels] += static_cast<double>(workload.counts.connections);
  }
  const std::lock_guard lock(mutex_);
  pods_.set(pods);
  connections_.set(connections);
  invalid_.set(invalid);
}

void WorkloadMetrics::Shown::set(const std::map<Labels, double>& values) {
  std::erase_if(series, [&](const auto& known) {
    const bool gone = !values.contains(known.first);
    if (gone) family->Remove(known.second);
    return gone;
  });
  for (const auto& [labels, value] : values) {
    prometheus::Gauge*& shown = series[labels];
    if (shown == nullptr) shown = &family->Add(labels);
    shown->Set(value);
  }
}

}  // namespace storagepool::manager
