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
    if (alarm == "LogInconsistent")  // by the word of who cosigns it
      return Reason{alarm, "the log of events is not as it was witnessed (" +
                               cluster_words(facts->log->detail) + "); events are stored all the same"};
    return Reason{is_word ? alarm : "LogNotAsLeft",
                  "no entries are added to the log of events, which is shown to nobody (" + pod.view.name +
                      ": " + cluster_words(facts->log->detail) + "); events are stored all the same"};
  }
  return std::nullopt;
}

const std::vector<pods::WitnessWord>& witnesses_of_log(const std::vector<PodState>& pods) {
  static const std::vector<pods::WitnessWord> kNone;
  const pods::Answer* newest = nullptr;
  for (const PodState& pod : pods) {
    if (pod.answer.witnesses.empty()) continue;
    if (newest == nullptr || pod.answer.asked > newest->asked) newest = &pod.answer;
  }
  return newest == nullptr ? kNone : newest->witnesses;
}

std::optional<Reason> unwitnessed_log(const std::vector<pods::WitnessWord>& witnesses) {
  std::string who;
  for (const pods::WitnessWord& witness : witnesses) {
    if (witness.failing.empty()) continue;
    who += (who.empty() ? "" : "; ") + witness.name + ": " + witness.failing;
  }
  if (who.empty()) return std::nullopt;
  return Reason{"WitnessFailing", "checkpoints of the log are not cosigned by " + cluster_words(who) +
                                      "; nothing else waits for that"};
}

}  // namespace storagepool::reconcile
