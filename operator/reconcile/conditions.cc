#include "operator/reconcile/conditions.h"

#include <algorithm>

#include "operator/render/render.h"
#include "pool/common/runtime/json.h"

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

std::int64_t ready_pods(const Seen& seen) {
  return std::count_if(seen.pods.begin(), seen.pods.end(),
                       [](const PodState& pod) { return pod.view.ready; });
}

bool wanted_replicas_ready(const Seen& seen) {
  const std::int64_t wanted = seen.spec.sizing.replicas;
  const auto settled = [&](const PodState& pod) { return pod.view.ready && pod.view.ordinal < wanted; };
  return static_cast<std::int64_t>(seen.pods.size()) == wanted &&
         std::all_of(seen.pods.begin(), seen.pods.end(), settled);
}

std::string progress(const Seen& seen) {
  return std::to_string(ready_pods(seen)) + " of " + std::to_string(seen.spec.sizing.replicas) +
         " pods are ready";
}

Condition budget_exceeded(const sizing::Plan& plan) {
  const std::string reason(sizing::to_string(plan.shortage));
  if (plan.shortage == sizing::Shortage::kNone) return {kBudgetExceeded, "False", reason, plan.message};
  const bool unknown = plan.shortage == sizing::Shortage::kFactsUnknown;
  return {kBudgetExceeded, unknown ? "Unknown" : "True", reason, plan.message};
}

Condition rollout_blocked(const Step& step) {
  if (const auto& why = step.blocked) return {kRolloutBlocked, "True", why->reason, why->message};
  return {kRolloutBlocked, "False", "NotBlocked", "no pod waits for connections"};
}

Condition ready(const Seen& seen, const std::optional<Reason>& stall, const Reachability& postgres,
                const Condition& blocked) {
  if (stall) return {kReady, "False", stall->reason, stall->message};
  if (seen.deleting) return {kReady, "False", "Draining", "the pods are being removed"};
  if (seen.spec.sizing.replicas == 0 && seen.pods.empty()) {
    return {kReady, "True", "ScaledToZero", "no pods are wanted"};
  }
  if (postgres.status == "False") return {kReady, "False", postgres.reason, postgres.message};
  if (wanted_replicas_ready(seen) && seen.step.unconfirmed.empty()) {
    return {kReady, "True", "Ready", progress(seen)};
  }
  if (blocked.status == "True") return {kReady, "False", blocked.reason, blocked.message};
  return {kReady, "False", "Progressing", progress(seen)};
}

std::vector<Condition> unseen_conditions(const Reason& stall) {
  return {{kReady, "False", stall.reason, stall.message},
          {kReconciling, "False", stall.reason, "nothing is changed until this is resolved"},
          {kStalled, "True", stall.reason, stall.message}};
}

std::vector<Condition> seen_conditions(const StatusInput& input, const Seen& seen) {
  const Reachability postgres = reachability(seen);
  const Condition blocked = rollout_blocked(seen.step);
  const Condition is_ready = ready(seen, input.stall, postgres, blocked);
  const auto& stall = input.stall ? input.stall : seen.step.stalled;
  const bool is_stalled = stall.has_value();
  const bool busy = !is_stalled && is_ready.status != "True";
  return {is_ready,
          {kReconciling, busy ? "True" : "False", busy ? is_ready.reason : "Settled",
           busy ? is_ready.message : "nothing is left to do"},
          {kStalled, is_stalled ? "True" : "False", is_stalled ? stall->reason : "NotStalled",
           is_stalled ? stall->message : "nothing stands in the way"},
          budget_exceeded(seen.step.plan),
          blocked,
          {kPostgresReachable, postgres.status, postgres.reason, postgres.message}};
}

}  // namespace

Reachability reachability(const Seen& seen) {
  Reachability result{.message = "no pod has reported on PostgreSQL yet"};
  const std::string hash = render::postgres_hash(seen.spec);
  for (const auto& [view, answer, pushed] : seen.pods) {
    const auto& facts = answer.facts;
    if (!facts || view.postgres_hash != hash || view.terminating) continue;
    if (facts->reachable) {
      result = {"True", "Connected",
                "every pod that reports reaches " + render::target_of(seen.spec.postgres)};
    } else if (facts->fault) {
      return {"False", std::string(reason_of(*facts->fault)), view.name + ": " + facts->detail};
    }
  }
  return result;
}

Json build_conditions(const StatusInput& input) {
  const std::vector<Condition> conditions =
      input.seen ? seen_conditions(input, *input.seen)
                 : unseen_conditions(input.stall.value_or(Reason{"Unknown", "nothing was observed"}));
  Json result = Json::array();
  for (const Condition& condition : conditions) {
    const Json& before = find_condition(input.previous, condition.type);
    const bool same = before.is_object() && before.value("status", "") == condition.status &&
                      before.contains("lastTransitionTime");
    result.push_back({{"type", condition.type},
                      {"status", condition.status},
                      {"observedGeneration", input.generation},
                      {"lastTransitionTime",
                       same ? before["lastTransitionTime"] : Json(runtime::format_seconds(input.now))},
                      {"reason", condition.reason},
                      {"message", condition.message}});
  }
  return result;
}

const Json& find_condition(const Json& status, const char* type) {
  static const Json kNull;
  if (!status.is_object() || !status.contains("conditions") || !status["conditions"].is_array()) return kNull;
  for (const Json& condition : status["conditions"]) {
    if (runtime::text_at(condition, "/type") == type) return condition;
  }
  return kNull;
}

}  // namespace storagepool::reconcile
