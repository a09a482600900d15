#include "operator/reconcile/status.h"

#include <algorithm>
#include <array>

#include "operator/reconcile/conditions.h"
#include "operator/render/render.h"
#include "pool/common/runtime/json.h"

namespace storagepool::reconcile {
namespace {

using runtime::integer_at;
using runtime::text_at;

constexpr std::array kVolatile{"open", "inUse", "idle", "waitCount"};

Json server_facts(const Seen& seen, const KnownFacts& known, const Json& previous) {
  const settings::ServerFacts& facts = known.facts;
  Json json{{"target", render::target_of(seen.spec.postgres)},
            {"systemIdentifier", facts.system_identifier},
            {"serverVersion", facts.server_version},
            {"maxConnections", facts.max_connections},
            {"superuserReservedConnections", facts.superuser_reserved_connections},
            {"reservedConnections", facts.reserved_connections}};
  if (facts.role_limit) json["roleLimit"] = *facts.role_limit;
  if (facts.database_limit) json["databaseLimit"] = *facts.database_limit;
  // The time is that of the values, so that reading them again changes nothing.
  Json before = previous.is_object() ? previous.value("serverFacts", Json()) : Json();
  const Json seen_at = before.is_object() ? before.value("observedAt", Json()) : Json();
  if (before.is_object()) before.erase("observedAt");
  json["observedAt"] =
      before == json && seen_at.is_string()
          ? seen_at
          : Json(runtime::format_seconds(runtime::Timestamp(std::chrono::milliseconds(known.as_of))));
  return json;
}

Json connection_budget(const Seen& seen) {
  Json json{{"peakPods", seen.workload.peak_pods},
            {"perPod", seen.granted.generation > 0 ? seen.granted.settings.max_open_conns : 0},
            {"granted", seen.workload.peak_pods * seen.granted.ceiling}};
  const auto& budget = seen.step.plan.budget;
  if (!budget) return json;
  json["serverMax"] = budget->server_max;
  json["reserved"] = budget->reserved;
  if (budget->role_limit) json["roleLimit"] = *budget->role_limit;
  if (budget->database_limit) json["databaseLimit"] = *budget->database_limit;
  json["usable"] = budget->usable;
  json["otherPools"] = budget->other_pools;
  json["maxSafeReplicas"] = budget->max_safe_replicas;
  return json;
}

Json describe(const PodState& state) {
  Json pod{{"name", state.view.name}, {"ready", state.view.ready}};
  if (const auto& report = state.answer.report) {
    pod["appliedGeneration"] = report->applied_generation;
    pod["maxOpenConns"] = report->settings.max_open_conns;
    pod["open"] = report->open;
    pod["inUse"] = report->in_use;
    pod["idle"] = report->idle;
    pod["waitCount"] = report->wait_count;
  }
  return pod;
}

Json pods(const Seen& seen) {
  std::vector<const PodState*> order;
  for (const PodState& pod : seen.pods) {
    if (!pod.view.terminating) order.push_back(&pod);
  }
  std::sort(order.begin(), order.end(),
            [](const PodState* a, const PodState* b) { return a->view.ordinal < b->view.ordinal; });
  Json list = Json::array();
  for (const PodState* pod : order) list.push_back(describe(*pod));
  return list;
}

Json without_volatile(Json status) {
  if (!status.is_object() || !status.contains("pods")) return status;
  for (Json& pod : status["pods"]) {
    for (const char* member : kVolatile) pod.erase(member);
  }
  return status;
}

// Whether a condition in this state is worth a person's attention.
bool is_bad(const Json& condition) {
  const std::string type = text_at(condition, "/type");
  const std::string status = text_at(condition, "/status");
  if (type == kPostgresReachable) return status == "False";
  return type != kReady && type != kReconciling && status == "True";
}

}  // namespace

Json build_status(const StatusInput& input) {
  // What cannot be observed while the spec is invalid stays as it was.
  Json status = !input.seen && input.previous.is_object() ? input.previous : Json::object();
  status["observedGeneration"] = input.generation;
  status["selector"] = render::pod_selector(input.name);
  if (const auto& seen = input.seen) {
    const Json listed = pods(*seen);
    const auto ready =
        std::count_if(listed.begin(), listed.end(), [](const Json& pod) { return pod["ready"] == true; });
    status["replicas"] = listed.size();
    status["readyReplicas"] = ready;
    status["ready"] = std::to_string(ready) + "/" + std::to_string(seen->spec.sizing.replicas);
    status["settingsGeneration"] = seen->granted.generation;
    status["pods"] = listed;
    status["connectionBudget"] = connection_budget(*seen);
    if (seen->facts) status["serverFacts"] = server_facts(*seen, *seen->facts, input.previous);
  }
  Json conditions = build_conditions(input);
  // Conditions that were not evaluated now are kept.
  if (input.previous.is_object() && input.previous.contains("conditions")) {
    for (const Json& before : input.previous["conditions"]) {
      const bool present = std::any_of(conditions.begin(), conditions.end(), [&](const Json& now) {
        return now["type"] == before.value("type", "");
      });
      if (!present) conditions.push_back(before);
    }
  }
  status["conditions"] = std::move(conditions);
  return status;
}

Difference difference(const Json& before, const Json& after) {
  if (before == after) return Difference::kNone;
  return without_volatile(before) == without_volatile(after) ? Difference::kVolatileOnly : Difference::kReal;
}

std::vector<kube::Event> transition_events(const Json& before, const Json& after) {
  std::vector<kube::Event> events;
  const auto add = [&](kube::EventType type, const Json& condition, const char* action) {
    events.push_back({.regarding = {},
                      .type = type,
                      .reason = text_at(condition, "/reason"),
                      .action = action,
                      .note = text_at(condition, "/message")});
  };
  for (const char* type : {kStalled, kPostgresReachable, kBudgetExceeded, kRolloutBlocked}) {
    const Json& was = find_condition(before, type);
    const Json& is = find_condition(after, type);
    if (is_bad(is)) {
      if (!is_bad(was) || text_at(was, "/reason") != text_at(is, "/reason"))
        add(kube::EventType::kWarning, is, "Reconcile");
    } else if (is_bad(was)) {
      add(kube::EventType::kNormal, is, "Reconcile");
    }
  }
  const Json& was = find_condition(before, kReady);
  const Json& is = find_condition(after, kReady);
  if (text_at(is, "/status") == "True" && text_at(was, "/status") != "True")
    add(kube::EventType::kNormal, is, "Reconcile");
  const auto limit = integer_at(after, "/connectionBudget/perPod", 0);
  if (limit != integer_at(before, "/connectionBudget/perPod", 0) && limit > 0) {
    events.push_back({.regarding = {},
                      .type = kube::EventType::kNormal,
                      .reason = "LimitGranted",
                      .action = "Grant",
                      .note = "each pod may hold " + std::to_string(limit) + " connections (generation " +
                              std::to_string(integer_at(after, "/settingsGeneration", 0)) + ")"});
  }
  return events;
}

}  // namespace storagepool::reconcile
