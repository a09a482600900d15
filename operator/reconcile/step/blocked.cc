#include "operator/reconcile/step/blocked.h"

#include <algorithm>
#include <string>

namespace storagepool::reconcile {
namespace {

// What a pod that has not confirmed the grant lacks.
std::string what_is_missing(const PodObserved& pod, const Granted& granted) {
  const auto& report = pod.report;
  if (!report) return pod.failure;
  if (report->applied_generation != granted.generation) {
    return "generation " + std::to_string(report->applied_generation) + " is in force";
  }
  return std::to_string(report->sockets()) + " connections are still open";
}

}  // namespace

bool confirmed(const PodObserved& pod, const Granted& granted) {
  if (!pod.started) return true;
  const auto& report = pod.report;
  return report && report->applied_generation == granted.generation &&
         settings::has_in_force(*report, granted.settings) &&
         report->sockets() <= granted.settings.max_open_conns;
}

Reason not_confirmed(const std::vector<PodObserved>& pods, const Granted& granted) {
  std::string lacking;
  for (const PodObserved& pod : pods) {
    if (confirmed(pod, granted)) continue;
    lacking += (lacking.empty() ? "" : "; ") + pod.name + ": " + what_is_missing(pod, granted);
  }
  return {"PodNotConfirmed", "waiting for pods to confirm generation " + std::to_string(granted.generation) +
                                 " with " + std::to_string(granted.settings.max_open_conns) +
                                 " connections: " + lacking};
}

const PodObserved* refusing(const std::vector<PodObserved>& pods) {
  const auto found =
      std::find_if(pods.begin(), pods.end(), [](const PodObserved& pod) { return !pod.refused.empty(); });
  return found == pods.end() ? nullptr : &*found;
}

std::optional<Reason> connections_refused(const std::vector<PodObserved>& pods) {
  const PodObserved* pod = refusing(pods);
  if (pod == nullptr) return std::nullopt;
  return Reason{
      "ConnectionsRefused",
      pod->name + ": " + pod->refused +
          ". Neither limits nor replicas grow until PostgreSQL has refused nobody for some seconds. "
          "Others hold more than is left to them: raise spec.postgres.reserve, or the limit of the "
          "server, the role or the database"};
}

}  // namespace storagepool::reconcile
