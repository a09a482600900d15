#include "operator/reconcile/conditions.h"

#include <algorithm>

#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

struct Condition {
  const char* type;
  std::string status;
  std::string reason;
  std::string message;
};

std::string_view reason_of(settings::PostgresFault fault) {
  using settings::PostgresFault;
  switch (fault) {
    case PostgresFault::kCredentialsMissing:
      return "CredentialsMissing";
    case PostgresFault::kCredentialsRejected:
      return "CredentialsRejected";
    case PostgresFault::kTls:
      return "TLSFailed";
    case PostgresFault::kServerFull:
      return "ServerFull";
    case PostgresFault::kDatabaseMissing:
      return "DatabaseMissing";
    case PostgresFault::kUnreachable:
      return "Unreachable";
    case PostgresFault::kSchema:
      return "SchemaFailed";
    case PostgresFault::kOther:
      break;
  }
  return "PostgresFailed";
}

std::int64_t ready_pods(const StatusInput& input) {
  return std::count_if(input.pods.begin(), input.pods.end(), [](const PodView& pod) { return pod.ready; });
}

bool wanted_replicas_ready(const StatusInput& input) {
  const std::int64_t wanted = input.spec->sizing.replicas;
  const auto settled = [&](const PodView& pod) { return pod.ready && pod.ordinal < wanted; };
  return static_cast<std::int64_t>(input.pods.size()) == wanted &&
         std::all_of(input.pods.begin(), input.pods.end(), settled);
}

bool grant_in_force(const StatusInput& input) {
  return input.step && input.step->unconfirmed.empty();
}

std::string progress(const StatusInput& input) {
  return std::to_string(ready_pods(input)) + " of " + std::to_string(input.spec->sizing.replicas) +
         " pods are ready";
}

// What stands in the way of the pods that have not confirmed the grant.
std::string unconfirmed_message(const StatusInput& input) {
  std::string text;
  for (std::size_t i = 0; i < input.pods.size() && i < input.answers.size(); ++i) {
    const auto& names = input.step->unconfirmed;
    if (std::find(names.begin(), names.end(), input.pods[i].name) == names.end()) continue;
    if (!text.empty()) text += "; ";
    text += input.pods[i].name + ": ";
    const PodAnswer& answer = input.answers[i];
    if (!answer.report) {
      text += answer.failure;
    } else if (answer.report->applied_generation != input.granted->generation) {
      text += "generation " + std::to_string(answer.report->applied_generation) + " is in force";
    } else {
      text += std::to_string(answer.report->sockets()) + " connections are still open";
    }
  }
  return "waiting for pods to confirm generation " + std::to_string(input.granted->generation) + " with " +
         std::to_string(input.granted->settings.max_open_conns) + " connections: " + text;
}

Condition budget_exceeded(const StatusInput& input) {
  const sizing::Plan& plan = input.step->plan;
  const std::string reason(sizing::to_string(plan.shortage));
  switch (plan.shortage) {
    case sizing::Shortage::kNone:
      return {kBudgetExceeded, "False", reason, plan.message};
    case sizing::Shortage::kFactsUnknown:
      return {kBudgetExceeded, "Unknown", reason, plan.message};
    default:
      return {kBudgetExceeded, "True", reason, plan.message};
  }
}

Condition rollout_blocked(const StatusInput& input) {
  const sizing::Plan& plan = input.step->plan;
  if (input.step->held_back) return {kRolloutBlocked, "True", "PodNotConfirmed", unconfirmed_message(input)};
  if (plan.shortage == sizing::Shortage::kMinimumDoesNotFit || plan.shortage == sizing::Shortage::kStrict) {
    return {kRolloutBlocked, "True", std::string(sizing::to_string(plan.shortage)), plan.message};
  }
  if (plan.shortage == sizing::Shortage::kFactsUnknown && plan.replicas < input.spec->sizing.replicas) {
    return {kRolloutBlocked, "True", std::string(sizing::to_string(plan.shortage)), plan.message};
  }
  return {kRolloutBlocked, "False", "NotBlocked", "no pod waits for connections"};
}

Condition ready(const StatusInput& input, const Reachability& postgres, const Condition& blocked) {
  if (input.stall) return {kReady, "False", input.stall->reason, input.stall->message};
  if (input.deleting) return {kReady, "False", "Draining", "the pods are being removed"};
  if (input.spec->sizing.replicas == 0 && input.pods.empty())
    return {kReady, "True", "ScaledToZero", "no pods are wanted"};
  if (postgres.status == "False") return {kReady, "False", postgres.reason, postgres.message};
  if (wanted_replicas_ready(input) && grant_in_force(input))
    return {kReady, "True", "Ready", progress(input)};
  if (blocked.status == "True") return {kReady, "False", blocked.reason, blocked.message};
  return {kReady, "False", "Progressing", progress(input)};
}

// Nothing goes on until a person or another StoragePool gives something up.
std::optional<Stall> stalled(const StatusInput& input) {
  if (input.stall) return input.stall;
  const auto shortage = input.step->plan.shortage;
  if (shortage != sizing::Shortage::kStrict && shortage != sizing::Shortage::kMinimumDoesNotFit)
    return std::nullopt;
  return Stall{std::string(sizing::to_string(shortage)), input.step->plan.message};
}

}  // namespace

Reachability reachability(const StatusInput& input) {
  Reachability result{.message = "no pod has reported on PostgreSQL yet"};
  if (!input.spec) return result;
  const std::string hash = render::postgres_hash(*input.spec);
  for (std::size_t i = 0; i < input.pods.size() && i < input.answers.size(); ++i) {
    const auto& facts = input.answers[i].facts;
    if (!facts || input.pods[i].postgres_hash != hash || input.pods[i].terminating) continue;
    if (facts->reachable) {
      result = {"True", "Connected",
                "every pod that reports reaches " + render::target_of(input.spec->postgres)};
    } else if (facts->fault) {
      return {"False", std::string(reason_of(*facts->fault)), input.pods[i].name + ": " + facts->detail};
    }
  }
  return result;
}

Json build_conditions(const StatusInput& input) {
  std::vector<Condition> conditions;
  if (!input.step || !input.spec) {
    const Stall stall = input.stall.value_or(Stall{"Unknown", "nothing was observed"});
    conditions = {{kReady, "False", stall.reason, stall.message},
                  {kReconciling, "False", stall.reason, "nothing is changed until this is resolved"},
                  {kStalled, "True", stall.reason, stall.message}};
  } else {
    const Reachability postgres = reachability(input);
    const Condition blocked = rollout_blocked(input);
    const Condition is_ready = ready(input, postgres, blocked);
    const auto stall = stalled(input);
    const bool busy = !stall && is_ready.status != "True";
    conditions = {is_ready,
                  {kReconciling, busy ? "True" : "False", busy ? is_ready.reason : "Settled",
                   busy ? is_ready.message : "nothing is left to do"},
                  {kStalled, stall ? "True" : "False", stall ? stall->reason : "NotStalled",
                   stall ? stall->message : "nothing stands in the way"},
                  budget_exceeded(input),
                  blocked,
                  {kPostgresReachable, postgres.status, postgres.reason, postgres.message}};
  }

  Json result = Json::array();
  for (const Condition& condition : conditions) {
    const Json& before = find_condition(input.previous, condition.type);
    const bool same = before.is_object() && before.value("status", "") == condition.status &&
                      before.contains("lastTransitionTime");
    result.push_back(
        {{"type", condition.type},
         {"status", condition.status},
         {"observedGeneration", input.generation},
         {"lastTransitionTime", same ? before["lastTransitionTime"] : Json(format_time(input.now))},
         {"reason", condition.reason},
         {"message", condition.message}});
  }
  return result;
}

const Json& find_condition(const Json& status, const char* type) {
  static const Json kNull;
  if (!status.is_object() || !status.contains("conditions") || !status["conditions"].is_array()) return kNull;
  for (const Json& condition : status["conditions"]) {
    if (text_at(condition, "/type") == type) return condition;
  }
  return kNull;
}

}  // namespace storagepool::reconcile
