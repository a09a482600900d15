#include "operator/reconcile/view/log_keys.h"

#include "operator/reconcile/view/trouble.h"

namespace storagepool::reconcile {

std::vector<std::string> verifier_keys(const std::vector<PodState>& pods) {
  std::vector<std::string> keys;
  for (const PodState& pod : pods) {
    const auto& facts = pod.answer.facts;
    if (pod.view.terminating) continue;
    if (pod.view.ready && !facts) return {};
    if (!facts || !facts->log || facts->log->vkeys.empty()) continue;
    std::vector<std::string> said;
    for (const std::string& vkey : facts->log->vkeys) said.push_back(cluster_words(vkey));
    if (!keys.empty() && said != keys) return {};
    keys = std::move(said);
  }
  return keys;
}

std::optional<Reason> refused_log_key(const std::vector<PodState>& pods, const std::string& secret) {
  std::optional<Reason> earlier;
  for (const PodState& pod : pods) {
    const auto& facts = pod.answer.facts;
    if (pod.view.terminating || !facts || facts->log_key_refusal.empty()) continue;
    const std::string why = " (" + cluster_words(facts->log_key_refusal) + ")";
    if (!facts->log)
      return Reason{"NoLogKey",
                    "events are stored and get no entries in the log, so that nobody can prove them later: " +
                        pod.view.name + " has no usable key from " + secret + why};
    if (!earlier)
      earlier = Reason{"LogKeyRefused", pod.view.name +
                                            " goes on under the key of the log that it had, and would have "
                                            "none if it began anew: it has no usable key from " +
                                            secret + why};
  }
  return earlier;
}

}  // namespace storagepool::reconcile
