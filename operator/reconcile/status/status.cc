#include "operator/reconcile/status/status.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

using json::integer_at;
using json::member;
using json::text_at;

std::optional<Truth> parse_truth(std::string_view text) {
  for (const Truth truth : {Truth::kTrue, Truth::kFalse, Truth::kUnknown}) {
    if (text == to_string(truth)) return truth;
  }
  return std::nullopt;
}

std::optional<Condition> parse_condition(const Json& json) {
  Condition condition{.type = text_at(json, "/type"),
                      .reason = text_at(json, "/reason"),
                      .message = text_at(json, "/message"),
                      .observed_generation = integer_at(json, "/observedGeneration")};
  const auto status = parse_truth(text_at(json, "/status"));
  const auto time = runtime::parse_timestamp(text_at(json, "/lastTransitionTime"));
  if (condition.type.empty() || !status || !time) return std::nullopt;
  condition.status = *status;
  condition.last_transition = *time;
  return condition;
}

Json to_json(const Condition& condition) {
  Json json{{"type", condition.type},
            {"status", to_string(condition.status)},
            {"lastTransitionTime", runtime::format_timestamp(condition.last_transition)},
            {"reason", condition.reason},
            {"message", condition.message}};
  if (condition.observed_generation) json["observedGeneration"] = *condition.observed_generation;
  return json;
}

std::optional<PodStatus> parse_pod(const Json& json) {
  PodStatus pod{.name = text_at(json, "/name"), .ready = member(json, "ready") == true};
  if (pod.name.empty()) return std::nullopt;
  if (const auto generation = integer_at(json, "/appliedGeneration")) {
    pod.numbers = PodNumbers{.applied_generation = *generation,
                             .max_open_conns = integer_at(json, "/maxOpenConns", 0),
                             .open = integer_at(json, "/open", 0),
                             .in_use = integer_at(json, "/inUse", 0),
                             .idle = integer_at(json, "/idle", 0),
                             .wait_count = integer_at(json, "/waitCount", 0)};
  }
  return pod;
}

Json to_json(const PodStatus& pod) {
  Json json{{"name", pod.name}, {"ready", pod.ready}};
  if (const auto& numbers = pod.numbers) {
    json["appliedGeneration"] = numbers->applied_generation;
    json["maxOpenConns"] = numbers->max_open_conns;
    json["open"] = numbers->open;
    json["inUse"] = numbers->in_use;
    json["idle"] = numbers->idle;
    json["waitCount"] = numbers->wait_count;
  }
  return json;
}

std::optional<WitnessStatus> parse_witness(const Json& json) {
  WitnessStatus witness{
      .name = text_at(json, "/name"), .state = text_at(json, "/state"), .message = text_at(json, "/message")};
  return witness.name.empty() ? std::nullopt : std::optional(std::move(witness));
}

Json to_json(const WitnessStatus& witness) {
  Json json{{"name", witness.name}, {"state", witness.state}};
  if (!witness.message.empty()) json["message"] = witness.message;
  return json;
}

ConnectionBudget parse_budget(const Json& json) {
  ConnectionBudget budget{.peak_pods = integer_at(json, "/peakPods", 0),
                          .per_pod = integer_at(json, "/perPod", 0),
                          .granted = integer_at(json, "/granted", 0),
                          .server = {}};
  if (const auto server_max = integer_at(json, "/serverMax")) {
    budget.server = ServerBudget{.server_max = *server_max,
                                 .reserved = integer_at(json, "/reserved", 0),
                                 .role_limit = integer_at(json, "/roleLimit"),
                                 .database_limit = integer_at(json, "/databaseLimit"),
                                 .usable = integer_at(json, "/usable", 0),
                                 .share = integer_at(json, "/share", 0),
                                 .other_pools = integer_at(json, "/otherPools", 0),
                                 .other_workloads = integer_at(json, "/otherWorkloads", 0),
                                 .max_safe_replicas = integer_at(json, "/maxSafeReplicas", 0)};
  }
  return budget;
}

Json to_json(const ConnectionBudget& budget) {
  Json json{{"peakPods", budget.peak_pods}, {"perPod", budget.per_pod}, {"granted", budget.granted}};
  const auto& server = budget.server;
  if (!server) return json;
  json["serverMax"] = server->server_max;
  json["reserved"] = server->reserved;
  if (server->role_limit) json["roleLimit"] = *server->role_limit;
  if (server->database_limit) json["databaseLimit"] = *server->database_limit;
  json["usable"] = server->usable;
  json["share"] = server->share;
  json["otherPools"] = server->other_pools;
  if (server->other_workloads > 0) json["otherWorkloads"] = server->other_workloads;
  json["maxSafeReplicas"] = server->max_safe_replicas;
  return json;
}

template <typename T>
std::vector<T> parse_list(const Json& list, std::optional<T> (*parse)(const Json&)) {
  std::vector<T> items;
  if (!list.is_array()) return items;
  for (const Json& json : list) {
    if (auto item = parse(json)) items.push_back(std::move(*item));
  }
  return items;
}

std::optional<std::string> parse_text(const Json& json) {
  return json.is_string() ? std::optional(json.get<std::string>()) : std::nullopt;
}

template <typename T>
Json list_to_json(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

std::optional<PodsStatus> parse_pods(const Json& json) {
  const Json& budget = member(json, "connectionBudget");
  const auto generation = integer_at(json, "/settingsGeneration");
  if (!budget.is_object() && !generation) return std::nullopt;
  return PodsStatus{.replicas = integer_at(json, "/replicas", 0),
                    .ready_replicas = integer_at(json, "/readyReplicas", 0),
                    .ready = text_at(json, "/ready"),
                    .settings_generation = generation.value_or(0),
                    .pods = parse_list<PodStatus>(member(json, "pods"), parse_pod),
                    .budget = parse_budget(budget)};
}

// A limit below 0 is none.
std::optional<std::int64_t> limit_at(const Json& json, const char* pointer) {
  const auto limit = integer_at(json, pointer);
  return limit && *limit >= 0 ? limit : std::nullopt;
}

std::int64_t unix_milliseconds(runtime::Timestamp time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

std::optional<FactsStatus> parse_facts(const Json& json) {
  FactsStatus known{.target = text_at(json, "/target"), .facts = {}};
  if (known.target.empty()) return std::nullopt;
  known.facts.system_identifier = text_at(json, "/systemIdentifier");
  known.facts.server_version = integer_at(json, "/serverVersion", 0);
  known.facts.max_connections = integer_at(json, "/maxConnections", 0);
  known.facts.superuser_reserved_connections = integer_at(json, "/superuserReservedConnections", 0);
  known.facts.reserved_connections = integer_at(json, "/reservedConnections", 0);
  known.facts.role_limit = limit_at(json, "/roleLimit");
  known.facts.database_limit = limit_at(json, "/databaseLimit");
  if (const auto started = runtime::parse_timestamp(text_at(json, "/startedAt"))) {
    known.facts.started_at = std::max<std::int64_t>(unix_milliseconds(*started), 0);
  }
  known.observed_at = runtime::parse_timestamp(text_at(json, "/observedAt"));
  return known;
}

Json to_json(const FactsStatus& known) {
  const settings::ServerFacts& facts = known.facts;
  Json json{{"target", known.target},
            {"systemIdentifier", facts.system_identifier},
            {"serverVersion", facts.server_version},
            {"maxConnections", facts.max_connections},
            {"superuserReservedConnections", facts.superuser_reserved_connections},
            {"reservedConnections", facts.reserved_connections}};
  if (facts.role_limit) json["roleLimit"] = *facts.role_limit;
  if (facts.database_limit) json["databaseLimit"] = *facts.database_limit;
  if (facts.started_at > 0) {
    const runtime::Timestamp started{std::chrono::milliseconds(facts.started_at)};
    json["startedAt"] = runtime::format_timestamp(started);
  }
  if (known.observed_at) json["observedAt"] = runtime::format_timestamp(*known.observed_at);
  return json;
}

Status without_volatile(Status status) {
  if (!status.pods) return status;
  for (PodStatus& pod : status.pods->pods) {
    if (auto& numbers = pod.numbers) {
      numbers = PodNumbers{.applied_generation = numbers->applied_generation,
                           .max_open_conns = numbers->max_open_conns};
    }
  }
  return status;
}

}  // namespace

Status parse_status(const Json& json) {
  return {.observed_generation = integer_at(json, "/observedGeneration", 0),
          .selector = text_at(json, "/selector"),
          .pods = parse_pods(json),
          .server_facts = parse_facts(member(json, "serverFacts")),
          .vkeys = parse_list<std::string>(member(member(json, "log"), "vkeys"), parse_text),
          .log_witnesses = parse_list<WitnessStatus>(json::at(json, "/log/witnesses"), parse_witness),
          .conditions = parse_list<Condition>(member(json, "conditions"), parse_condition)};
}

Json to_json(const Status& status) {
  Json json{{"observedGeneration", status.observed_generation},
            {"selector", status.selector},
            {"conditions", list_to_json(status.conditions)}};
  if (const auto& pods = status.pods) {
    json["replicas"] = pods->replicas;
    json["readyReplicas"] = pods->ready_replicas;
    json["ready"] = pods->ready;
    json["settingsGeneration"] = pods->settings_generation;
    json["pods"] = list_to_json(pods->pods);
    json["connectionBudget"] = to_json(pods->budget);
  }
  if (const auto& facts = status.server_facts) json["serverFacts"] = to_json(*facts);
  if (!status.vkeys.empty()) json["log"]["vkeys"] = status.vkeys;
  if (!status.log_witnesses.empty()) json["log"]["witnesses"] = list_to_json(status.log_witnesses);
  return json;
}

std::string_view to_string(Truth truth) {
  switch (truth) {
    case Truth::kTrue:
      return "True";
    case Truth::kFalse:
      return "False";
    case Truth::kUnknown:
      break;
  }
  return "Unknown";
}

const Condition* find_condition(const Status& status, std::string_view type) {
  const auto found = std::find_if(status.conditions.begin(), status.conditions.end(),
                                  [&](const Condition& condition) { return condition.type == type; });
  return found == status.conditions.end() ? nullptr : &*found;
}

bool has_condition(const Status& status, std::string_view type, Truth truth) {
  const Condition* condition = find_condition(status, type);
  return condition != nullptr && condition->status == truth;
}

std::optional<sizing::KnownFacts> known_facts(const Status& status, const std::string& target,
                                              sizing::KnownFacts::Time now) {
  const auto& known = status.server_facts;
  if (!known || known->target != target || known->facts.max_connections <= 0 || !known->observed_at) {
    return std::nullopt;
  }
  sizing::KnownFacts result{.facts = known->facts, .read = now};
  if (known->facts.started_at > 0) result.facts.read_at = unix_milliseconds(*known->observed_at);
  return result;
}

Difference difference(const Status& before, const Status& after) {
  if (before == after) return Difference::kNone;
  return without_volatile(before) == without_volatile(after) ? Difference::kVolatileOnly : Difference::kReal;
}

}  // namespace storagepool::reconcile
