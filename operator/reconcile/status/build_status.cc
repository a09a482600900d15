#include "operator/reconcile/status/build_status.h"

#include <algorithm>
#include <chrono>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/view/log_keys.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

FactsStatus server_facts(const Seen& seen, const sizing::KnownFacts& known, runtime::Timestamp wall,
                         const std::optional<FactsStatus>& before) {
  FactsStatus now{.target = settings::target_of(led_to(seen)), .facts = known.facts};
  now.facts.forget_moment();
  // The time is that of the values, so that reading them again changes nothing.
  const bool same = before && before->target == now.target && before->facts == now.facts;
  const runtime::Timestamp server{std::chrono::milliseconds(known.facts.read_at)};
  const runtime::Timestamp read_at = known.facts.read_at > 0 ? server : wall;
  now.observed_at =
      same && before->observed_at ? *before->observed_at : std::chrono::floor<std::chrono::seconds>(read_at);
  return now;
}

ConnectionBudget connection_budget(const Seen& seen) {
  ConnectionBudget result{.peak_pods = seen.workload.peak_pods,
                          .per_pod = seen.granted.generation > 0 ? seen.granted.settings.max_open_conns : 0,
                          .granted = seen.workload.peak_pods * seen.granted.ceiling,
                          .server = {}};
  if (const auto& budget = seen.step.plan.budget) {
    result.server = ServerBudget{.server_max = budget->server_max,
                                 .reserved = budget->reserved,
                                 .role_limit = budget->role_limit,
                                 .database_limit = budget->database_limit,
                                 .usable = budget->usable,
                                 .share = budget->share,
                                 .other_pools = budget->other_pools,
                                 .other_workloads = budget->other_workloads,
                                 .max_safe_replicas = budget->max_safe_replicas};
  }
  return result;
}

PodStatus describe(const PodState& pod) {
  PodStatus status{.name = pod.view.name, .ready = pod.view.ready};
  if (const auto& report = pod.answer.report) {
    status.numbers = PodNumbers{.applied_generation = report->applied_generation,
                                .max_open_conns = report->settings.max_open_conns,
                                .open = report->open,
                                .in_use = report->in_use,
                                .idle = report->idle,
                                .wait_count = report->wait_count};
  }
  return status;
}

// In the order of their ordinals, without those that are terminating.
std::vector<PodStatus> describe_pods(const Seen& seen) {
  std::vector<const PodState*> order;
  for (const PodState& pod : seen.pods) {
    if (!pod.view.terminating) order.push_back(&pod);
  }
  std::sort(order.begin(), order.end(),
            [](const PodState* a, const PodState* b) { return a->view.ordinal < b->view.ordinal; });
  std::vector<PodStatus> pods;
  pods.reserve(order.size());
  for (const PodState* pod : order) pods.push_back(describe(*pod));
  return pods;
}

PodsStatus pods_status(const Seen& seen) {
  PodsStatus status;
  status.pods = describe_pods(seen);
  status.replicas = static_cast<std::int64_t>(status.pods.size());
  status.ready_replicas =
      std::count_if(status.pods.begin(), status.pods.end(), [](const PodStatus& pod) { return pod.ready; });
  status.ready = std::to_string(status.ready_replicas) + "/" + std::to_string(seen.spec.sizing.replicas);
  status.settings_generation = seen.granted.generation;
  status.budget = connection_budget(seen);
  return status;
}

// Whether a condition in this state is worth a person's attention.
bool is_bad(const Condition* condition) {
  if (condition == nullptr) return false;
  if (condition->type == kPostgresReachable) {
    return condition->status == Truth::kFalse || condition->reason == kAdminPortUnreachable;
  }
  if (condition->type == kAwaitingTurn && condition->reason != kRolloutStopped) return false;
  // So begins each: what keeps its first pod from telling the limits has conditions of its own.
  const bool begins = condition->reason == sizing::to_string(sizing::Shortage::kFactsUnknown);
  if (condition->type == kRolloutBlocked && begins) return false;
  return condition->type != kReady && condition->type != kReconciling && condition->status == Truth::kTrue;
}

// Which key is the first says only what makes new entries.
bool is_rekeyed(const Status& before, const Status& after) {
  return !before.vkeys.empty() && !std::is_permutation(before.vkeys.begin(), before.vkeys.end(),
                                                       after.vkeys.begin(), after.vkeys.end());
}

std::string joined_keys(const std::vector<std::string>& vkeys) {
  std::string text;
  for (const std::string& vkey : vkeys) text += (text.empty() ? "" : ", ") + vkey;
  return text;
}

}  // namespace

const settings::PostgresTarget& led_to(const Seen& seen) {
  return seen.granted.postgres.host.empty() ? seen.spec.postgres : seen.granted.postgres;
}

Status build_status(const StatusInput& input) {
  Status status;
  status.observed_generation = input.generation;
  status.vkeys = input.seen ? verifier_keys(input.seen->pods) : std::vector<std::string>();
  if (status.vkeys.empty()) status.vkeys = input.previous.vkeys;
  status.selector = render::pod_selector(input.name);
  if (const auto& seen = input.seen) {
    status.pods = pods_status(*seen);
    for (const pods::WitnessWord& word : witnesses_of_log(seen->pods))
      status.log_witnesses.push_back({.name = word.name, .state = word.state, .message = word.failing});
    if (status.log_witnesses.empty() && seen->spec.log_witnesses > 0)  // not known, as after a restart
      status.log_witnesses = input.previous.log_witnesses;
    if (const auto& facts = seen->facts) {
      status.server_facts = server_facts(*seen, *facts, input.now, input.previous.server_facts);
    }
  } else {
    status.pods = input.previous.pods;
    status.server_facts = input.previous.server_facts;
    status.log_witnesses = input.previous.log_witnesses;
  }
  status.conditions = build_conditions(input);
  for (const Condition& before : input.previous.conditions) {
    if (find_condition(status, before.type) == nullptr) status.conditions.push_back(before);
  }
  return status;
}

std::vector<kube::Event> transition_events(const Status& before, const Status& after) {
  std::vector<kube::Event> events;
  const auto add = [&](kube::EventType type, const Condition& condition) {
    events.push_back({.regarding = {},
                      .type = type,
                      .reason = condition.reason,
                      .action = "Reconcile",
                      .note = condition.message});
  };
  for (const char* type : {kStalled, kPostgresReachable, kBudgetExceeded, kRolloutBlocked, kJournalNotDurable,
                           kPodsFailing, kAuthenticationOff, kReserveTooSmall, kAwaitingTurn, kLogTampered,
                           kLogKeyUnusable, kLogUnwitnessed}) {
    const Condition* was = find_condition(before, type);
    const Condition* is = find_condition(after, type);
    if (is == nullptr) continue;
    if (is_bad(is)) {
      if (!is_bad(was) || was->reason != is->reason) add(kube::EventType::kWarning, *is);
    } else if (is_bad(was)) {
      add(kube::EventType::kNormal, *is);
    }
  }
  const Condition* ready = find_condition(after, kReady);
  if (ready != nullptr && ready->reason == kRequestFailed) {
    const Condition* was = find_condition(before, kReady);
    if (was == nullptr || was->reason != kRequestFailed) add(kube::EventType::kWarning, *ready);
  }
  const Condition* was_ready = find_condition(before, kReady);
  const bool was_paused = was_ready != nullptr && was_ready->reason == kPaused;
  const bool is_paused = ready != nullptr && ready->reason == kPaused;
  if (is_paused && !was_paused) add(kube::EventType::kNormal, *ready);
  if (!is_paused && has_condition(after, kReady, Truth::kTrue) &&
      !has_condition(before, kReady, Truth::kTrue)) {
    add(kube::EventType::kNormal, *find_condition(after, kReady));
  }
  if (is_rekeyed(before, after)) {
    events.push_back({.regarding = {},
                      .type = kube::EventType::kWarning,
                      .reason = "LogKeyChanged",
                      .action = "Reconcile",
                      .note = "the log of events is verified with " + joined_keys(after.vkeys) +
                              ", and was with " + joined_keys(before.vkeys) + ": tell auditors"});
  }
  const auto limit = [](const Status& status) { return status.pods ? status.pods->budget.per_pod : 0; };
  if (limit(after) != limit(before) && limit(after) > 0) {
    events.push_back({.regarding = {},
                      .type = kube::EventType::kNormal,
                      .reason = "LimitGranted",
                      .action = "Grant",
                      .note = "each pod may hold " + std::to_string(limit(after)) +
                              " connections (generation " + std::to_string(after.pods->settings_generation) +
                              ")"});
  }
  return events;
}

}  // namespace storagepool::reconcile
