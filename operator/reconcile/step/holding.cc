#include "operator/reconcile/step/holding.h"

#include <algorithm>

namespace storagepool::reconcile {
namespace {

// The highest limit that a pod may have in force; without a ConfigMap, what is known of what it said.
std::int64_t ceiling_of(const Observed& observed) {
  if (const auto& granted = observed.granted) return granted->ceiling;
  std::int64_t ceiling =
      observed.last_ceiling > 0 ? observed.last_ceiling : settings::find("maxOpenConns")->maximum;
  for (const PodObserved& pod : observed.pods) {
    if (const auto& report = pod.report) ceiling = std::max(ceiling, report->settings.max_open_conns);
  }
  return ceiling;
}

}  // namespace

Holding holding(const Observed& observed) {
  Holding held;
  // A StatefulSet that somebody deleted leaves pods behind for a while.
  held.existing.peak_pods = std::max(static_cast<std::int64_t>(observed.pods.size()), observed.last_peak);
  if (const auto& workload = observed.workload) {
    held.existing.replicas = workload->replicas;
    held.existing.peak_pods = std::max(held.existing.peak_pods, workload->peak_pods);
  }
  if (const auto& granted = observed.granted) held.existing.limit = granted->settings.max_open_conns;
  if (observed.granted || held.existing.peak_pods > 0) held.ceiling = ceiling_of(observed);
  return held;
}

}  // namespace storagepool::reconcile
