#include "operator/reconcile/view/pod_state.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "operator/reconcile/view/trouble.h"

namespace storagepool::reconcile {

pods::PodRun run_of(const PodView& pod, const std::vector<PodState>& all) {
  const auto has_its_address = [&](const PodState& other) { return other.view.ip == pod.ip; };
  const bool reachable =
      pod.started && !pod.ip.empty() && std::count_if(all.begin(), all.end(), has_its_address) == 1;
  return {.uid = pod.uid, .ip = reachable ? pod.ip : "", .restarts = pod.restarts};
}

// A pod is not trusted: a reason of a condition is a word.
std::optional<Reason> tampered_log(const std::vector<PodState>& pods) {
  constexpr std::size_t kLongestReason = 64;
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  for (const PodState& pod : pods) {
    const auto& facts = pod.answer.facts;
    if (!facts || !facts->log || facts->log->alarm.empty()) continue;
    const std::string& alarm = facts->log->alarm;
    const bool is_word = alarm.size() <= kLongestReason && std::all_of(alarm.begin(), alarm.end(), is_letter);
    return Reason{is_word ? alarm : "LogNotAsLeft",
                  "no entries are added to the log of events, which is shown to nobody (" + pod.view.name +
                      ": " + cluster_words(facts->log->detail) + "); events are stored all the same"};
  }
  return std::nullopt;
}

}  // namespace storagepool::reconcile
