#include "operator/reconcile/view/inquiry.h"

#include <algorithm>
#include <utility>

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;

// A container that works on for so long after a crash counts as well again.
constexpr auto kProbation = 60s;

bool is_wanted(const PodState& pod, std::int64_t replicas) {
  return pod.view.ordinal < replicas && !pod.view.terminating && !pod.view.ready;
}

const PodState* find(const std::vector<PodState>& pods, std::int64_t ordinal) {
  const auto found = std::find_if(pods.begin(), pods.end(),
                                  [&](const PodState& pod) { return pod.view.ordinal == ordinal; });
  return found == pods.end() ? nullptr : &*found;
}

}  // namespace

std::optional<Suspect> find_suspect(const std::string& pool, const std::optional<WorkloadView>& workload,
                                    const std::vector<PodState>& pods) {
  if (!workload || !workload->workload.settled) return std::nullopt;
  const std::int64_t replicas = workload->workload.replicas;
  const bool one_says = std::any_of(pods.begin(), pods.end(), [&](const PodState& pod) {
    return is_wanted(pod, replicas) && pod.view.trouble && !pod.view.trouble->running_since;
  });
  if (one_says) return std::nullopt;
  for (std::int64_t ordinal = 0; ordinal < replicas; ++ordinal) {
    const PodState* pod = find(pods, ordinal);
    if (pod == nullptr) return Suspect{"StatefulSet", workload->uid, pool + "-" + std::to_string(ordinal)};
    if (pod->view.creating && !pod->view.terminating) return Suspect{"Pod", pod->view.uid, pod->view.name};
  }
  return std::nullopt;
}

bool Inquiry::is_due(const std::optional<Suspect>& suspect, TimePoint now) {
  if (suspect != suspect_) {
    *this = {};
    suspect_ = suspect;
    since_ = now;
    if (suspect) next_ = now + (suspect->kind == "Pod" ? kCreatingGrace : kMissingGrace);
  }
  if (!next_ || now < *next_) return false;
  const auto interval = std::clamp<TimePoint::duration>((now - since_) / 4, kIntervalMin, kIntervalMax);
  next_ = now + interval;
  return true;
}

void Inquiry::answered(const std::vector<Json>& events) {
  if (!suspect_) return;
  trouble_ = suspect_->kind == "Pod" ? trouble_of_start(events, suspect_->pod)
                                     : trouble_of_creation(events, suspect_->pod);
}

std::optional<Trouble> SchedulerWords::weigh(std::optional<Trouble> trouble, bool told, TimePoint now) {
  const bool may_pass = trouble && trouble->reason == "Unschedulable" && !told;
  if (!may_pass) since_.reset();
  if (may_pass && !since_) since_ = now;
  return next(now) ? std::nullopt : std::move(trouble);
}

std::optional<SchedulerWords::TimePoint> SchedulerWords::next(TimePoint now) const {
  return since_ && now < *since_ + kGrace ? std::optional(*since_ + kGrace) : std::nullopt;
}

std::optional<Trouble> worst_trouble(const std::vector<PodState>& pods, std::int64_t replicas,
                                     const std::optional<Trouble>& of_events, runtime::Timestamp now) {
  std::vector<const PodState*> ill;
  for (const PodState& pod : pods) {
    const auto& trouble = pod.view.trouble;
    if (!is_wanted(pod, replicas) || !trouble) continue;
    if (!trouble->running_since || now - *trouble->running_since < kProbation) ill.push_back(&pod);
  }
  std::sort(ill.begin(), ill.end(), [](const PodState* a, const PodState* b) {
    const auto rank = [](const PodState& pod) {
      return std::pair(!pod.view.trouble->lasting, pod.view.ordinal);
    };
    return rank(*a) < rank(*b);
  });
  if (ill.empty()) return of_events;
  Trouble worst = *ill.front()->view.trouble;
  worst.running_since.reset();
  if (of_events && of_events->lasting && !worst.lasting) worst = *of_events;
  std::string others;
  for (const PodState* pod : ill) {
    if (worst.message.starts_with(pod->view.name + ":")) continue;
    others += (others.empty() ? "" : ", ") + pod->view.name;
  }
  if (!others.empty()) worst.message += " (and " + others + ")";
  return worst;
}

}  // namespace storagepool::reconcile
