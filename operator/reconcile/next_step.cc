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
  return pod.report && pod.report->applied_generation == granted.generation &&
         pod.report->settings == granted.settings && pod.report->sockets() <= granted.settings.max_open_conns;
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
    if (observed.granted) {
      for (const PodObserved& pod : observed.pods) {
        if (!confirmed(pod, *observed.granted)) step_.unconfirmed.push_back(pod.name);
      }
    }
  }

  Step run() {
    Action action = Done{};
    if (desired_.deleting) {
      action = drain();
    } else if (auto next = grant()) {
      action = std::move(*next);
    } else if (next = push()) {
      action = std::move(*next);
    } else if (next = settle()) {
      action = std::move(*next);
    } else if (next = scale()) {
      action = std::move(*next);
    } else if (pending()) {
      action = Wait{};
    }
    step_.action = std::move(action);
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
    const bool unbounded = !step_.plan.budget || desired_.request.policy == sizing::Policy::kObserve;
    return unbounded ? std::numeric_limits<std::int64_t>::max() : step_.plan.budget->available;
  }

  std::int64_t next_generation() const {
    std::int64_t highest = observed_.last_generation;
    if (observed_.granted) highest = std::max(highest, observed_.granted->generation);
    for (const PodObserved& pod : observed_.pods) {
      if (pod.report) highest = std::max(highest, pod.report->applied_generation);
    }
    return highest + 1;
  }

  Action write(std::int64_t limit, std::int64_t ceiling) const {
    return WriteGrant{{.generation = next_generation(),
                       .settings = sizing::grant(desired_.asked, limit),
                       .ceiling = std::max(ceiling, limit)}};
  }

  std::optional<Action> grant() {
    const std::int64_t wanted = step_.plan.per_pod;
    if (!observed_.granted) return write(wanted, workload_.peak_pods > 0 ? lost_ceiling() : wanted);
    const Granted& granted = *observed_.granted;
    std::int64_t limit = granted.settings.max_open_conns;
    if (wanted <= limit || workload_.peak_pods * std::max(granted.ceiling, wanted) <= available()) {
      limit = wanted;
    } else {
      step_.held_back = !step_.unconfirmed.empty();
      growth_waits_ = true;
    }
    const bool contradicted =
        std::any_of(observed_.pods.begin(), observed_.pods.end(), [&](const PodObserved& pod) {
          if (!pod.report) return false;
          return pod.report->applied_generation > granted.generation ||
                 (pod.report->applied_generation == granted.generation &&
                  pod.report->settings != granted.settings);
        });
    if (contradicted || sizing::grant(desired_.asked, limit) != granted.settings) {
      return write(limit, granted.ceiling);
    }
    return std::nullopt;
  }

  std::int64_t lost_ceiling() const {
    std::int64_t ceiling = observed_.last_ceiling > 0 ? observed_.last_ceiling : largest_limit();
    for (const PodObserved& pod : observed_.pods) {
      if (pod.report) ceiling = std::max(ceiling, pod.report->settings.max_open_conns);
    }
    return ceiling;
  }

  std::optional<Action> push() const {
    Push push;
    for (std::size_t i = 0; i < observed_.pods.size(); ++i) {
      const PodObserved& pod = observed_.pods[i];
      if (pod.report && !pod.pushed && pod.report->applied_generation < observed_.granted->generation) {
        push.pods.push_back(i);
      }
    }
    return push.pods.empty() ? std::nullopt : std::optional<Action>(std::move(push));
  }

  // Lowers the ledger to what is so; decided on a live list only.
  std::optional<Action> settle() const {
    const Granted& granted = *observed_.granted;
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

  std::optional<Action> scale() {
    const std::int64_t target = step_.plan.replicas;
    if (observed_.workload && target == workload_.replicas) return std::nullopt;
    const std::int64_t peak = std::max(workload_.peak_pods, target);
    if (target > workload_.replicas) {
      // The planner lets one pod with the minimum through that does not fit: the only one of its server.
      const std::int64_t ceiling = observed_.granted->ceiling;
      const bool only_one = peak == 1 && ceiling <= desired_.request.min_conns_per_pod;
      const bool fits = peak * ceiling <= available() || only_one;
      if (!fits) {
        step_.held_back = !step_.unconfirmed.empty();
        return std::nullopt;
      }
    }
    return Scale{.replicas = target, .peak_pods = peak};
  }

  bool pending() const {
    return growth_waits_ || !step_.unconfirmed.empty() || workload_.replicas != step_.plan.replicas ||
           workload_.peak_pods > workload_.replicas ||
           observed_.granted->ceiling > observed_.granted->settings.max_open_conns;
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
  if (!observed.workload) return 0;
  const std::int64_t ceiling = observed.granted            ? observed.granted->ceiling
                               : observed.last_ceiling > 0 ? observed.last_ceiling
                                                           : largest_limit();
  return observed.workload->peak_pods * ceiling;
}

}  // namespace storagepool::reconcile
