#include "operator/reconcile/pod_state.h"

#include <algorithm>

namespace storagepool::reconcile {

pods::PodRun run_of(const PodView& pod, const std::vector<PodState>& all) {
  const auto has_its_address = [&](const PodState& other) { return other.view.ip == pod.ip; };
  const bool reachable =
      pod.started && !pod.ip.empty() && std::count_if(all.begin(), all.end(), has_its_address) == 1;
  return {.uid = pod.uid, .ip = reachable ? pod.ip : "", .restarts = pod.restarts};
}

}  // namespace storagepool::reconcile
