#include "operator/reconcile/step/next_step.h"

#include <algorithm>
#include <utility>

#include "operator/reconcile/step/blocked.h"
#include "operator/reconcile/step/holding.h"
#include "operator/reconcile/step/lead.h"
#include "operator/reconcile/step/leaving.h"

namespace storagepool::reconcile {
namespace {

// More than are made from one status to the next.
constexpr std::int64_t kGenerationsSkipped = 1000;

// The plan has fewer pods than are asked for.
bool leaves_out_pods(const sizing::Plan& plan, const sizing::Request& request) {
  switch (plan.shortage) {
    case sizing::Shortage::kFactsUnknown:
      return plan.replicas < request.replicas;
    case sizing::Shortage::kMinimumDoesNotFit:
    case sizing::Shortage::kStrict:
      return true;
    case sizing::Shortage::kNone:
    case sizing::Shortage::kLimitsReduced:
    case sizing::Shortage::kMaximumDoesNotFit:
    case sizing::Shortage::kObserved:
    case sizing::Shortage::kHeld:
      break;
  }
  return false;
}

class Stepper {
 public:
  Stepper(const Desired& desired, const Observed& observed) : desired_(desired), observed_(observed) {
    if (observed.workload) workload_ = *observed.workload;
    const sizing::Existing existing = holding(observed).existing;
    workload_.peak_pods = existing.peak_pods;
    lead_ = lead(desired, observed);
    step_.plan = sizing::plan(desired.request, observed.outlook, existing);
    if (const auto& granted = observed.granted) {
      for (const PodObserved& pod : observed.pods) {
        if (!confirmed(pod, *granted)) step_.unconfirmed.push_back(pod.name);
      }
    }
  }

  Step run() {
    if (desired_.deleting) {
      step_.action = drain();
    } else if (desired_.request.paused) {
      step_.action = Done{};
    } else if (const auto& granted = observed_.granted) {
      step_.action = proceed(*granted);
    } else {
      step_.action = first_grant();
    }
    if (const auto refused = connections_refused(observed_.pods)) {
      step_.blocked = refused;
    } else if (const auto& lingering = observed_.lingering; lingering && !lingering->empty()) {
      step_.blocked = Reason{"SessionsOfGonePods", *lingering};
    } else if (!step_.blocked && !desired_.deleting && !desired_.request.paused &&
               leaves_out_pods(step_.plan, desired_.request)) {
      step_.blocked = shortage();
    }
    if (!desired_.deleting) step_.stalled = stalled();
    return std::move(step_);
  }

 private:
  Action drain() {
    if (workload_.replicas > 0) {
      step_.leaving = true;
      if (auto next = tell(0, nullptr)) return std::move(*next);
      if (auto next = shrink(0)) return std::move(*next);
      return Wait{};
    }
    const bool settled = !observed_.workload || workload_.settled;
    if (!settled || !observed_.pods.empty()) return Wait{};
    if (observed_.lingering) return Wait{};
    if (!observed_.pods_are_live) return ListPods{};
    if (auto next = sweep()) return std::move(*next);
    return Done{};
  }

  bool admits(std::int64_t pods, std::int64_t limit) const {
    return observed_.outlook.admits(pods, limit, desired_.request);
  }

  std::int64_t next_generation() const {
    std::int64_t highest = observed_.last_generation;
    if (const auto& granted = observed_.granted) highest = std::max(highest, granted->generation);
    for (const PodObserved& pod : observed_.pods) {
      if (const auto& report = pod.report) highest = std::max(highest, report->applied_generation);
    }
    return highest + 1;
  }

  Action write(std::int64_t generation, std::int64_t limit, std::int64_t ceiling) const {
    return WriteGrant{{.generation = generation,
                       .settings = settings::with_limit(desired_.asked, limit),
                       .ceiling = std::max(ceiling, limit),
                       .postgres = lead_.postgres,
                       .candidate = lead_.candidate}};
  }

  Action proceed(const Granted& granted) {
    if (auto next = grant(granted)) return std::move(*next);
    if (auto next = push(granted)) return std::move(*next);
    if (auto next = settle(granted)) return std::move(*next);
    const PodObserved* replaced = to_be_replaced();
    if (auto next = tell(step_.plan.replicas, replaced)) return std::move(*next);
    if (auto next = scale(granted)) return std::move(*next);
    if (auto next = roll(replaced)) return std::move(*next);
    if (auto next = sweep()) return std::move(*next);
    if (pending(granted) || replaced != nullptr) return Wait{};
    return Done{};
  }

  // Where pods exist the ConfigMap was lost, and with it which generations have been sent to them.
  Action first_grant() const {
    const std::int64_t wanted = step_.plan.per_pod;
    if (workload_.peak_pods == 0) return write(next_generation(), wanted, wanted);
    return write(next_generation() + kGenerationsSkipped, wanted, holding(observed_).ceiling);
  }

  std::optional<Action> grant(const Granted& granted) {
    std::int64_t wanted = step_.plan.per_pod;
    if (lead_.room) wanted = std::min(wanted, *lead_.room);
    std::int64_t limit = granted.settings.max_open_conns;
    const bool may_grow =
        refusing(observed_.pods) == nullptr && admits(workload_.peak_pods, std::max(granted.ceiling, wanted));
    if (wanted <= limit || may_grow) {
      limit = wanted;
    } else {
      hold_back(granted);
      growth_waits_ = true;
    }
    if (step_.plan.others_hold_more) {
      wait_for_others();
      growth_waits_ = true;
    }
    const bool contradicted =
        std::any_of(observed_.pods.begin(), observed_.pods.end(), [&](const PodObserved& pod) {
          const auto& report = pod.report;
          if (!report) return false;
          return report->applied_generation > granted.generation ||
                 (report->applied_generation == granted.generation &&
                  !settings::has_in_force(*report, granted.settings));
        });
    const bool leads_on = lead_.postgres != granted.postgres || lead_.candidate != granted.candidate;
    if (contradicted || leads_on || settings::with_limit(desired_.asked, limit) != granted.settings) {
      return write(next_generation(), limit, granted.ceiling);
    }
    return std::nullopt;
  }

  std::optional<Action> push(const Granted& granted) const {
    Push push;
    for (std::size_t i = 0; i < observed_.pods.size(); ++i) {
      const auto& report = observed_.pods[i].report;
      const bool behind = report && report->applied_generation < granted.generation;
      if (behind && !observed_.pods[i].pushed) push.pods.push_back(i);
    }
    return push.pods.empty() ? std::nullopt : std::optional<Action>(std::move(push));
  }

  // Lowers the ledger to what is so; decided on a live list only.
  std::optional<Action> settle(const Granted& granted) const {
    const bool ceiling_is_high =
        granted.ceiling > granted.settings.max_open_conns && step_.unconfirmed.empty() && !observed_.vanished;
    const std::int64_t pods = pods_beside(workload_.replicas);
    const bool peak_is_high = workload_.settled && workload_.peak_pods > pods;
    const bool peak_may_fall = peak_is_high && !observed_.lingering;
    if (!ceiling_is_high && !peak_may_fall) return std::nullopt;
    if (!observed_.pods_are_live) return ListPods{};
    if (peak_may_fall) return resized(workload_.replicas, pods);
    Granted lowered = granted;
    lowered.ceiling = granted.settings.max_open_conns;
    return WriteGrant{std::move(lowered)};
  }

  // Those of so many replicas, and those that are to go.
  std::int64_t pods_beside(std::int64_t replicas) const {
    return replicas + std::count_if(observed_.pods.begin(), observed_.pods.end(),
                                    [&](const PodObserved& pod) { return pod.ordinal >= replicas; });
  }

  std::optional<Action> scale(const Granted& granted) {
    const std::int64_t target = step_.plan.replicas;
    if (observed_.workload && target == workload_.replicas) return std::nullopt;
    if (target < workload_.replicas) {
      step_.leaving = true;
      return shrink(target);
    }
    // Of a StatefulSet that somebody deleted there may be pods that no cache has shown yet.
    if (!observed_.workload && !observed_.pods_are_live) return ListPods{};
    if (observed_.workload && refusing(observed_.pods) != nullptr) return std::nullopt;
    std::int64_t replicas = target;
    const auto peak = [&] { return std::max(workload_.peak_pods, pods_beside(replicas)); };
    while (replicas > workload_.replicas && !admits(peak(), granted.ceiling)) --replicas;
    if (replicas < target) hold_back(granted);
    // Strict rolls out all or nothing.
    const bool partly = replicas < target && desired_.request.policy == sizing::Policy::kStrict;
    if (observed_.workload && (replicas == workload_.replicas || partly)) return std::nullopt;
    if (!observed_.workload && replicas == 0 && target > 0) return std::nullopt;
    return resized(replicas, peak());
  }

  // A claim that holds nothing does so as long as no pod has it again.
  Scale resized(std::int64_t replicas, std::int64_t peak_pods) const {
    Scale scale{.replicas = replicas,
                .peak_pods = peak_pods,
                .partition = workload_.partition,
                .emptied = workload_.emptied};
    std::erase_if(scale.emptied, [&](std::int64_t ordinal) { return ordinal < replicas; });
    return scale;
  }

  // Fewer replicas, as far down as the pods of the highest ordinals may go.
  std::optional<Action> shrink(std::int64_t target) {
    std::int64_t replicas = workload_.replicas;
    std::vector<std::int64_t> emptied;
    std::vector<std::string> waits;
    bool all_told = true;  // by the pods themselves
    for (std::int64_t ordinal = workload_.replicas - 1; ordinal >= target; --ordinal) {
      const Departure found = departure(desired_, observed_, ordinal);
      if (found.verdict == Departure::Verdict::kWaits) waits.push_back(found.why);
      if (!waits.empty()) continue;
      const PodObserved* pod = find_pod(observed_, ordinal);
      all_told &= pod != nullptr && pod->report.has_value();
      replicas = ordinal;
      if (found.verdict == Departure::Verdict::kHoldsNothing && workload_.volumes) emptied.push_back(ordinal);
    }
    if (!waits.empty()) await_journals("to go", waits);
    if (replicas == workload_.replicas) return std::nullopt;
    if (!all_told && !observed_.pods_are_live) return ListPods{};
    Scale scale = resized(replicas, workload_.peak_pods);
    scale.emptied.insert(scale.emptied.end(), emptied.begin(), emptied.end());
    std::sort(scale.emptied.begin(), scale.emptied.end());
    return scale;
  }

  // Claims that hold nothing and that no pod can have any more.
  std::optional<Action> sweep() const {
    DeleteClaims unused;
    for (const ClaimObserved& claim : observed_.claims) {
      const bool emptied = std::find(workload_.emptied.begin(), workload_.emptied.end(), claim.ordinal) !=
                           workload_.emptied.end();
      if (emptied && claim.ordinal >= workload_.replicas && find_pod(observed_, claim.ordinal) == nullptr) {
        unused.ordinals.push_back(claim.ordinal);
      }
    }
    if (unused.ordinals.empty() || !workload_.settled) return std::nullopt;
    if (!observed_.pods_are_live) return ListPods{};
    return unused;
  }

  // The next pod that a rollout replaces and that takes its journal along; null: none.
  const PodObserved* to_be_replaced() const {
    if (!observed_.workload || workload_.volumes || !workload_.settled) return nullptr;
    const PodObserved* highest = nullptr;
    for (const PodObserved& pod : observed_.pods) {
      if (!pod.outdated || pod.ordinal >= workload_.replicas) continue;
      if (highest == nullptr || pod.ordinal > highest->ordinal) highest = &pod;
    }
    return highest;
  }

  // As the StatefulSet's controller goes about it: from the highest ordinal down, each ready before the next.
  bool is_its_turn(const PodObserved& pod) const {
    for (std::int64_t ordinal = pod.ordinal + 1; ordinal < workload_.replicas; ++ordinal) {
      const PodObserved* above = find_pod(observed_, ordinal);
      if (above == nullptr || !above->ready) return false;
    }
    return true;
  }

  // A pod whose journal cannot be emptied now had better go on taking events.
  bool should_empty(const PodObserved& pod) const {
    const auto& report = pod.report;
    const bool empty = report && report->journal && report->journal->waiting_units == 0;
    return is_its_turn(pod) && (pod.reaches_postgres || empty);
  }

  // No controller can still be about to remove it.
  bool may_stay(const PodObserved& pod) const {
    return workload_.settled && pod.ordinal < workload_.replicas &&
           (workload_.volumes || pod.ordinal < workload_.partition);
  }

  std::optional<Action> tell(std::int64_t replicas, const PodObserved* replaced) const {
    Tell leave{.pods = {}, .leaving = true};
    Tell stay;
    for (std::size_t i = 0; i < observed_.pods.size(); ++i) {
      const PodObserved& pod = observed_.pods[i];
      if (!pod.report || pod.told) continue;
      const bool leaves = pod.ordinal >= replicas || (&pod == replaced && should_empty(pod));
      if (leaves && !pod.report->leaving) leave.pods.push_back(i);
      if (!leaves && pod.report->leaving && may_stay(pod)) stay.pods.push_back(i);
    }
    if (!leave.pods.empty()) return leave;
    if (!stay.pods.empty()) return stay;
    return std::nullopt;
  }

  // One pod at a time is let go; until its successor is there, the partition stays.
  std::optional<Action> roll(const PodObserved* replaced) {
    if (!observed_.workload || workload_.volumes || !workload_.settled) return std::nullopt;
    std::int64_t partition = render::kNoRollout;
    if (workload_.partition < workload_.replicas) {
      const PodObserved* pod = find_pod(observed_, workload_.partition);
      if (pod == nullptr || pod->terminating) partition = workload_.partition;
    }
    if (partition == render::kNoRollout && replaced != nullptr && is_its_turn(*replaced)) {
      const Departure found = departure(desired_, observed_, replaced->ordinal);
      if (found.verdict == Departure::Verdict::kHoldsNothing) {
        partition = replaced->ordinal;
      } else {
        await_journals("to be replaced", {found.why});
      }
    }
    if (partition == workload_.partition) return std::nullopt;
    Scale scale = resized(workload_.replicas, workload_.peak_pods);
    scale.partition = partition;
    return scale;
  }

  void await_journals(const char* what, const std::vector<std::string>& pods) {
    std::string message;
    for (const std::string& pod : pods) message += (message.empty() ? "" : "; ") + pod;
    message += std::string(". Pods are ") + what + " once their journals are empty; the annotation " +
               std::string(render::kGiveUpAnnotation) + " lets those that it names go without, " +
               (workload_.volumes ? "and keeps their volumes" : "and their events are lost");
    step_.awaits_journal = Reason{"JournalNotEmpty", std::move(message)};
  }

  bool pending(const Granted& granted) const {
    return growth_waits_ || !step_.unconfirmed.empty() || workload_.replicas != step_.plan.replicas ||
           workload_.peak_pods > workload_.replicas || granted.ceiling > granted.settings.max_open_conns;
  }

  Reason shortage() const {
    return {std::string(sizing::to_string(step_.plan.shortage)), step_.plan.message};
  }

  // Replicas or limits wait for pods that have not confirmed, or for other StoragePools.
  void hold_back(const Granted& granted) {
    if (!step_.unconfirmed.empty()) {
      step_.blocked = not_confirmed(observed_.pods, granted);
    } else {
      wait_for_others();
    }
  }

  void wait_for_others() {
    if (!observed_.outlook.known || observed_.outlook.others.hold == 0) return;
    step_.blocked =
        Reason{"WaitingForOthers",
               "waiting for other StoragePools to come down to their shares: " + step_.plan.message};
  }

  std::optional<Reason> stalled() const {
    const sizing::Shortage why = step_.plan.shortage;
    if (why != sizing::Shortage::kStrict && why != sizing::Shortage::kMinimumDoesNotFit) return std::nullopt;
    return shortage();
  }

  const Desired& desired_;
  const Observed& observed_;
  Workload workload_;
  Lead lead_;
  Step step_;
  bool growth_waits_ = false;
};

}  // namespace

Step next_step(const Desired& desired, const Observed& observed) {
  return Stepper(desired, observed).run();
}

}  // namespace storagepool::reconcile
