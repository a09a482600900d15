#include "operator/cli/commands/status.h"

#include <algorithm>
#include <map>
#include <utility>

#include "operator/cli/output/remedies.h"
#include "operator/reconcile/status/conditions.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

// "16.10"; before PostgreSQL 10 there were three numbers, and it is not supported.
std::string version_text(std::int64_t number) {
  if (number <= 0) return "";
  return std::to_string(number / 10000) + "." + std::to_string(number % 10000);
}

std::string server_of(const std::string& target) {
  return target.substr(0, target.find('/'));
}

// The same server behind two names is one.
std::string key_of(const Pool& pool) {
  const auto& facts = pool.status.server_facts;
  if (!facts) return "";
  if (!facts->facts.system_identifier.empty()) return facts->facts.system_identifier;
  return pool.name_space + "/" + server_of(facts->target);
}

PodReport report_pod(const reconcile::PodStatus& status, const Result<Samples>* samples) {
  PodReport pod{.name = status.name, .ready = status.ready};
  if (const auto& numbers = status.numbers) {
    pod.generation = numbers->applied_generation;
    pod.limit = numbers->max_open_conns;
  }
  if (samples == nullptr || !*samples) return pod;
  pod.answers = true;
  if (const auto limit = count_of(**samples, "storagepool_pool_max_open")) pod.limit = limit;
  pod.open = count_of(**samples, "storagepool_pool_open");
  pod.in_use = count_of(**samples, "storagepool_pool_in_use");
  pod.waiting = count_of(**samples, "storagepool_pool_waiting");
  pod.journal_events = count_of(**samples, "storagepool_journal_waiting_events");
  pod.journal_age_seconds = count_of(**samples, "storagepool_journal_oldest_age_seconds").value_or(0);
  pod.set_aside = count_of(**samples, "storagepool_journal_set_aside_units").value_or(0);
  return pod;
}

void add_troubles(const Pool& pool, PoolReport& report) {
  const auto generation = json::integer_at(pool.object, "/metadata/generation", 0);
  if (pool.status.observed_generation < generation)
    report.troubles.push_back(
        {"", "NotLookedAt",
         "the operator has not looked at the newest spec (generation " + std::to_string(generation) + ") yet",
         "if that stays so, see whether the operator runs: kubectl get deployments -A -l "
         "app.kubernetes.io/name=storagepool,app.kubernetes.io/component=operator"});
  for (const auto& condition : pool.status.conditions) {
    const std::string status(reconcile::to_string(condition.status));
    // A paused StoragePool may well be Ready, and is still to be told of.
    const bool paused = condition.type == reconcile::kReady && condition.reason == reconcile::kPaused;
    std::string remedy = remedy_for(condition.type, paused ? "False" : status, condition.reason);
    const bool not_ready = condition.type == reconcile::kReady && condition.status != reconcile::Truth::kTrue;
    if (remedy.empty() && !not_ready) continue;
    // What Ready has taken over is said once, by the condition that it comes from.
    const bool said = std::any_of(report.troubles.begin(), report.troubles.end(),
                                  [&](const Trouble& trouble) { return trouble.reason == condition.reason; });
    if (said) continue;
    report.troubles.push_back(
        {condition.type + "=" + status, condition.reason, condition.message, std::move(remedy)});
  }
  for (const PodReport& pod : report.pods) {
    if (pod.set_aside == 0) continue;
    report.troubles.push_back(
        {"", "SetAside",
         pod.name + ": PostgreSQL refused " + std::to_string(pod.set_aside) + " journalled units alone",
         "docs/debugging.md: units are set aside"});
  }
}

PoolReport report_pool(const Pool& pool, const PodSamples& samples) {
  PoolReport report{.name_space = pool.name_space,
                    .name = pool.name,
                    .reason = {},
                    .ready_pods = {},
                    .pods = {},
                    .troubles = {}};
  if (const auto* ready = reconcile::find_condition(pool.status, reconcile::kReady)) {
    report.ready = ready->status == reconcile::Truth::kTrue;
    report.reason = ready->reason;
  }
  if (const auto& pods = pool.status.pods) {
    report.ready_pods = pods->ready;
    report.per_pod = pods->budget.per_pod;
    report.granted = pods->budget.granted;
    report.generation = pods->settings_generation;
    for (const auto& pod : pods->pods) {
      const auto found = samples.find(pool.name_space + "/" + pod.name);
      report.pods.push_back(report_pod(pod, found == samples.end() ? nullptr : &found->second));
    }
  }
  add_troubles(pool, report);
  return report;
}

void add_server(const Pool& pool, ServerReport& server) {
  if (const auto& facts = pool.status.server_facts) {
    if (server.name.empty()) server.name = server_of(facts->target);
    if (server.version.empty()) server.version = version_text(facts->facts.server_version);
  }
  if (!pool.status.pods) return;
  server.granted += pool.status.pods->budget.granted;
  const auto& budget = pool.status.pods->budget.server;
  if (!budget) return;
  server.max_connections = budget->server_max;
  server.reserved = std::max(server.reserved, budget->reserved);
  server.usable = std::max(server.usable, budget->usable);
}

std::string text_of(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "-";
}

std::string journal_text(const PodReport& pod) {
  if (!pod.journal_events) return "-";
  std::string text = std::to_string(*pod.journal_events);
  if (*pod.journal_events > 0) text += " (oldest " + std::to_string(pod.journal_age_seconds) + " s)";
  if (pod.set_aside > 0) text += ", " + std::to_string(pod.set_aside) + " set aside";
  return text;
}

std::string server_text(const ServerReport& server) {
  if (server.name.empty()) return "server not known yet";
  std::string text = server.name;
  if (!server.version.empty()) text += " (PostgreSQL " + server.version + ")";
  if (!server.max_connections) return text + ": limits not known yet";
  return text + ": " + std::to_string(server.granted) + " granted of " + std::to_string(server.usable) +
         " usable (max_connections " + std::to_string(*server.max_connections) + ", reserved " +
         std::to_string(server.reserved) + ")";
}

std::string generation_text(const PoolReport& pool, const PodReport& pod) {
  if (pod.generation == 0) return "-";
  if (pod.generation == pool.generation) return std::to_string(pod.generation);
  return std::to_string(pod.generation) + " of " + std::to_string(pool.generation);
}

void add_pool(Table& table, const PoolReport& pool, bool last) {
  table.add({{(last ? "└─ " : "├─ ") + pool.name_space + "/" + pool.name},
             {pool.ready_pods, pool.ready ? Color::kGood : Color::kBad},
             {std::to_string(pool.per_pod)},
             {""},
             {""},
             {""},
             {std::to_string(pool.generation)},
             {""},
             {pool.reason, pool.ready ? Color::kGood : Color::kBad}});
  for (const PodReport& pod : pool.pods) {
    const bool end = &pod == &pool.pods.back();
    const bool waits = pod.waiting.value_or(0) > 0;
    table.add({{std::string(last ? "   " : "│  ") + (end ? "└─ " : "├─ ") + pod.name},
               {pod.ready ? "yes" : "no", pod.ready ? Color::kGood : Color::kBad},
               {text_of(pod.limit)},
               {text_of(pod.open)},
               {text_of(pod.in_use)},
               {text_of(pod.waiting), waits ? Color::kBad : Color::kPlain},
               {generation_text(pool, pod)},
               {journal_text(pod), pod.journal_events.value_or(0) > 0 ? Color::kHint : Color::kPlain}});
  }
}

Json to_json(const PodReport& pod) {
  Json json{
      {"name", pod.name}, {"ready", pod.ready}, {"answers", pod.answers}, {"generation", pod.generation}};
  const auto put = [&json](const char* key, const std::optional<std::int64_t>& value) {
    if (value) json[key] = *value;
  };
  put("limit", pod.limit);
  put("open", pod.open);
  put("inUse", pod.in_use);
  put("waiting", pod.waiting);
  if (!pod.journal_events) return json;
  json["journal"] = {{"waitingEvents", *pod.journal_events},
                     {"oldestSeconds", pod.journal_age_seconds},
                     {"setAsideUnits", pod.set_aside}};
  return json;
}

Json to_json(const PoolReport& pool) {
  Json json{{"namespace", pool.name_space}, {"name", pool.name},
            {"ready", pool.ready},          {"reason", pool.reason},
            {"readyPods", pool.ready_pods}, {"perPod", pool.per_pod},
            {"granted", pool.granted},      {"generation", pool.generation},
            {"pods", Json::array()},        {"troubles", Json::array()}};
  for (const PodReport& pod : pool.pods) json["pods"].push_back(to_json(pod));
  for (const Trouble& trouble : pool.troubles)
    json["troubles"].push_back({{"condition", trouble.condition},
                                {"reason", trouble.reason},
                                {"message", trouble.message},
                                {"whatToDo", trouble.remedy}});
  return json;
}

}  // namespace

bool StatusReport::all_ready() const {
  return std::all_of(servers.begin(), servers.end(), [](const ServerReport& server) {
    return std::all_of(server.pools.begin(), server.pools.end(),
                       [](const PoolReport& pool) { return pool.ready; });
  });
}

StatusReport report_status(const std::vector<Pool>& pools, const PodSamples& samples) {
  StatusReport report;
  std::map<std::string, ServerReport> servers;
  for (const Pool& pool : pools) {
    ServerReport& server = servers[key_of(pool)];
    add_server(pool, server);
    server.pools.push_back(report_pool(pool, samples));
  }
  for (auto& [key, server] : servers) report.servers.push_back(std::move(server));
  std::stable_sort(report.servers.begin(), report.servers.end(),
                   [](const ServerReport& a, const ServerReport& b) { return a.name < b.name; });
  for (const auto& [pod, answer] : samples) {
    if (!answer) report.notes.push_back(pod + " does not tell its numbers: " + answer.error().message);
  }
  return report;
}

Json to_json(const StatusReport& report) {
  Json servers = Json::array();
  for (const ServerReport& server : report.servers) {
    Json json{{"name", server.name}, {"version", server.version}, {"granted", server.granted}};
    if (server.max_connections) {
      json["maxConnections"] = *server.max_connections;
      json["reserved"] = server.reserved;
      json["usable"] = server.usable;
    }
    json["storagePools"] = Json::array();
    for (const PoolReport& pool : server.pools) json["storagePools"].push_back(to_json(pool));
    servers.push_back(std::move(json));
  }
  return {{"servers", std::move(servers)}, {"notes", report.notes}};
}

std::string to_table(const StatusReport& report, const Paint& paint) {
  std::string text;
  for (const ServerReport& server : report.servers) {
    text += server_text(server) + "\n";
    Table table;
    table.add_texts({"", "READY", "LIMIT", "OPEN", "IN USE", "WAITING", "GENERATION", "JOURNAL", "STATUS"});
    for (const PoolReport& pool : server.pools) add_pool(table, pool, &pool == &server.pools.back());
    text += table.text(paint);
    for (const PoolReport& pool : server.pools) {
      for (const Trouble& trouble : pool.troubles) {
        const std::string what =
            trouble.condition.empty() ? trouble.reason : trouble.condition + " " + trouble.reason;
        text += "\n" + pool.name_space + "/" + pool.name + " " + paint(Color::kBad, what) + "\n  " +
                trouble.message + "\n";
        if (!trouble.remedy.empty()) text += "  " + paint(Color::kHint, "→ " + trouble.remedy) + "\n";
      }
    }
    if (&server != &report.servers.back()) text += "\n";
  }
  if (!report.notes.empty()) text += "\n";
  for (const std::string& note : report.notes) text += note + "\n";
  return text;
}

}  // namespace storagepool::cli
