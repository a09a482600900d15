#include "operator/reconcile/next_step.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace storagepool::reconcile {
namespace {

// What a pod may have in force when nothing is known of what it was granted.
std::int64_t largest_limit() {
  return settings::find("maxOpenConns")->maximum;
}

bool confirmed(const PodObserved& pod, const Granted& granted) {
  if (!pod.started) return true;
  const auto& report = pod.report;
  return report && report->applied_generation == granted.generation && report->settings == granted.settings &&
         report->sockets() <= granted.settings.max_open_conns;
}

// What a pod that has not confirmed the grant lacks.
std::string what_is_missing(const PodObserved& pod, const Granted& granted) {
  const auto& report = pod.report;
  if (!report) return pod.failure;
  if (report->applied_generation != granted.generation) {
    return "generation " + std::to_string(report->applied_generation) + " is in force";
  }
  return std::to_string(report->sockets()) + " connections are still open";
}

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
    case sizing::Shortage::kObserved:
      break;
  }
  return false;
}

class Stepper {
 public:
  Stepper(const Desired& desired, const Observed& observed) : desired_(desired), observed_(observed) {
    if (observed.workload) workload_ = *observed.workload;
    // A StatefulSet that somebody deleted leaves pods behind for a while.
    workload_.peak_pods = std::max(workload_.peak_pods, static_cast<std::int64_t>(observed.pods.size()));
    step_.plan = sizing::plan(desired.request, observed.facts, observed.others,
                              {.replicas = workload_.replicas,
                               .peak_pods = workload_.peak_pods,
                               .limit = observed.granted ? observed.granted->settings.max_open_conns : 0});
    if (const auto& granted = observed.granted) {
      for (const PodObserved& pod : observed.pods) {
        if (!confirmed(pod, *granted)) step_.unconfirmed.push_back(pod.name);
      }
    }
  }

  Step run() {
    if (desired_.deleting) {
      step_.action = drain();
    } else if (const auto& granted = observed_.granted) {
      step_.action = proceed(*granted);
    } else {
      step_.action = first_grant();
    }
    if (!step_.blocked && leaves_out_pods(step_.plan, desired_.request)) step_.blocked = shortage();
    step_.stalled = stalled();
    return std::move(step_);
  }

 private:
  Action drain() {
    if (workload_.replicas > 0) return Scale{.replicas = 0, .peak_pods = workload_.peak_pods};
    const bool settled = !observed_.workload || workload_.settled;
    if (!settled || !observed_.pods.empty()) return Wait{};
    if (!observed_.pods_are_live) return ListPods{};
    return Done{};
  }

  std::int64_t available() const {
    const auto& budget = step_.plan.budget;
    if (!budget || desired_.request.policy == sizing::Policy::kObserve) {
      return std::numeric_limits<std::int64_t>::max();
    }
    return budget->available;
  }

  std::int64_t next_generation() const {
    std::int64_t highest = observed_.last_generation;
    if (const auto& granted = observed_.granted) highest = std::max(highest, granted->generation);
    for (const PodObserved& pod : observed_.pods) {
      if (const auto& report = pod.report) highest = std::max(highest, report->applied_generation);
    }
    return highest + 1;
  }

  Action write(std::int64_t limit, std::int64_t ceiling) const {
    return WriteGrant{{.generation = next_generation(),
                       .settings = sizing::grant(desired_.asked, limit),
                       .ceiling = std::max(ceiling, limit)}};
  }

  Action proceed(const Granted& granted) {
    if (auto next = grant(granted)) return std::move(*next);
    if (auto next = push(granted)) return std::move(*next);
    if (auto next = settle(granted)) return std::move(*next);
    if (auto next = scale(granted)) return std::move(*next);
    if (pending(granted)) return Wait{};
    return Done{};
  }

  Action first_grant() const {
    const std::int64_t wanted = step_.plan.per_pod;
    return write(wanted, workload_.peak_pods > 0 ? lost_ceiling() : wanted);
  }

  std::optional<Action> grant(const Granted& granted) {
    const std::int64_t wanted = step_.plan.per_pod;
    std::int64_t limit = granted.settings.max_open_conns;
    if (wanted <= limit || workload_.peak_pods * std::max(granted.ceiling, wanted) <= available()) {
      limit = wanted;
    } else {
      hold_back(granted);
      growth_waits_ = true;
    }
    const bool contradicted =
        std::any_of(observed_.pods.begin(), observed_.pods.end(), [&](const PodObserved& pod) {
          const auto& report = pod.report;
          if (!report) return false;
          return report->applied_generation > granted.generation ||
                 (report->applied_generation == granted.generation && report->settings != granted.settings);
        });
    if (contradicted || sizing::grant(desired_.asked, limit) != granted.settings) {
      return write(limit, granted.ceiling);
    }
    return std::nullopt;
  }

  std::int64_t lost_ceiling() const {
    std::int64_t ceiling = observed_.last_ceiling > 0 ? observed_.last_ceiling : largest_limit();
    for (const PodObserved& pod : observed_.pods) {
      if (const auto& report = pod.report) ceiling = std::max(ceiling, report->settings.max_open_conns);
    }
    return ceiling;
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
        granted.ceiling > granted.settings.max_open_conns && step_.unconfirmed.empty();
    const auto surplus =
        std::count_if(observed_.pods.begin(), observed_.pods.end(),
                      [&](const PodObserved& pod) { return pod.ordinal >= workload_.replicas; });
    const std::int64_t pods = workload_.replicas + surplus;
    const bool peak_is_high = workload_.settled && workload_.peak_pods > pods;
    if (!ceiling_is_high && !peak_is_high) return std::nullopt;
    if (!observed_.pods_are_live) return ListPods{};
    if (peak_is_high) return Scale{.replicas = workload_.replicas, .peak_pods = pods};
    return WriteGrant{{.generation = granted.generation,
                       .settings = granted.settings,
                       .ceiling = granted.settings.max_open_conns}};
  }

  std::optional<Action> scale(const Granted& granted) {
    const std::int64_t target = step_.plan.replicas;
    if (observed_.workload && target == workload_.replicas) return std::nullopt;
    const std::int64_t peak = std::max(workload_.peak_pods, target);
    if (target > workload_.replicas) {
      // The planner lets one pod with the minimum through that does not fit: the only one of its server.
      const bool only_one = peak == 1 && granted.ceiling <= desired_.request.min_conns_per_pod;
      const bool fits = peak * granted.ceiling <= available() || only_one;
      if (!fits) {
        hold_back(granted);
        return std::nullopt;
      }
    }
    return Scale{.replicas = target, .peak_pods = peak};
  }

  bool pending(const Granted& granted) const {
    return growth_waits_ || !step_.unconfirmed.empty() || workload_.replicas != step_.plan.replicas ||
           workload_.peak_pods > workload_.replicas || granted.ceiling > granted.settings.max_open_conns;
  }

  Reason shortage() const {
    return {std::string(sizing::to_string(step_.plan.shortage)), step_.plan.message};
  }

  // Replicas or limits wait for pods that have not confirmed.
  void hold_back(const Granted& granted) {
    if (!step_.unconfirmed.empty()) step_.blocked = not_confirmed(granted);
  }

  std::optional<Reason> stalled() const {
    const sizing::Shortage why = step_.plan.shortage;
    if (why != sizing::Shortage::kStrict && why != sizing::Shortage::kMinimumDoesNotFit) return std::nullopt;
    return shortage();
  }

  Reason not_confirmed(const Granted& granted) const {
    std::string pods;
    for (const PodObserved& pod : observed_.pods) {
      if (confirmed(pod, granted)) continue;
      pods += (pods.empty() ? "" : "; ") + pod.name + ": " + what_is_missing(pod, granted);
    }
    return {"PodNotConfirmed", "waiting for pods to confirm generation " +
                                   std::to_string(granted.generation) + " with " +
                                   std::to_string(granted.settings.max_open_conns) + " connections: " + pods};
  }

  const Desired& desired_;
  const Observed& observed_;
  Workload workload_;
  Step step_;
  bool growth_waits_ = false;
};

}  // namespace

Step next_step(const Desired& desired, const Observed& observed) {
  return Stepper(desired, observed).run();
}

std::int64_t claim(const Observed& observed) {
  const auto& workload = observed.workload;
  if (!workload) return 0;
  std::int64_t ceiling = observed.last_ceiling > 0 ? observed.last_ceiling : largest_limit();
  if (const auto& granted = observed.granted) ceiling = granted->ceiling;
  return workload->peak_pods * ceiling;
}

}  // namespace storagepool::reconcile
