#include "operator/manager/page/state.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/status/status.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using kube::Json;

constexpr std::int64_t kPostgresPort = 5432;

Json journal_of(const settings::JournalReport& journal) {
  return {{"waiting", journal.waiting_events},
          {"setAside", journal.set_aside_units},
          {"oldestSeconds", journal.oldest_seconds},
          {"takesEvents", journal.takes_events},
          {"reason", journal.reason}};
}

Json pod_of(const reconcile::PodStatus& pod, const std::optional<Answers>& answers) {
  Json shown{{"name", pod.name}, {"ready", pod.ready}};
  if (!answers) {
    shown["silent"] = "this replica of the operator waits to lead; the one that leads knows its numbers";
    return shown;
  }
  const auto answer = answers->find(pod.name);
  if (answer == answers->end() || !answer->second.report) {
    const std::string why = answer == answers->end() ? "" : answer->second.failure;
    shown["silent"] = why.empty() ? "it has not been asked yet" : why;
    return shown;
  }
  const settings::SettingsReport& report = *answer->second.report;
  shown["silent"] = "";
  shown["limit"] = report.settings.max_open_conns;
  shown["open"] = report.sockets();
  shown["inUse"] = report.in_use;
  shown["waiting"] = report.waiting;
  shown["waitCount"] = report.wait_count;
  shown["generation"] = report.applied_generation;
  shown["notReady"] = report.not_ready;
  if (report.journal) shown["journal"] = journal_of(*report.journal);
  return shown;
}

Json conditions_of(const reconcile::Status& status) {
  const auto complaints = reconcile::complaints_of(status.conditions);
  Json shown = Json::array();
  for (const reconcile::Condition& condition : status.conditions) {
    const bool complaint = std::any_of(complaints.begin(), complaints.end(),
                                       [&](const auto& other) { return other.type == condition.type; });
    shown.push_back({{"type", condition.type},
                     {"status", reconcile::to_string(condition.status)},
                     {"reason", condition.reason},
                     {"message", condition.message},
                     {"complaint", complaint}});
  }
  return shown;
}

std::string address_of(const Json& storage_pool) {
  const std::string host = json::text_at(storage_pool, "/spec/postgres/host");
  const std::int64_t port = json::integer_at(storage_pool, "/spec/postgres/port", kPostgresPort);
  return (host.empty() ? "no host" : host) + ":" + std::to_string(port);
}

struct Server {
  std::string name;  // the first address that leads to it
  std::optional<reconcile::ServerBudget> budget;
  std::int64_t granted = 0;
  bool complaints = false;
  Json storage_pools = Json::array();
};

void add(Server& server, const Json& object, const reconcile::Status& status,
         const std::optional<Answers>& answers) {
  Json shown{{"namespace", kube::metadata_string(object, "namespace")},
             {"name", kube::metadata_string(object, "name")},
             {"conditions", conditions_of(status)},
             {"pods", Json::array()}};
  for (const Json& condition : shown["conditions"])
    server.complaints = server.complaints || condition["complaint"] == true;
  if (status.pods) {
    const reconcile::ConnectionBudget& budget = status.pods->budget;
    shown["ready"] = status.pods->ready;
    shown["perPod"] = budget.per_pod;
    shown["granted"] = budget.granted;
    for (const reconcile::PodStatus& pod : status.pods->pods) shown["pods"].push_back(pod_of(pod, answers));
    server.granted += budget.granted;
    // Of the fullest account of others: a StoragePool that has not been looked at since knows fewer.
    if (budget.server && (!server.budget || budget.server->server_max >= server.budget->server_max))
      server.budget = budget.server;
  }
  server.storage_pools.push_back(std::move(shown));
}

}  // namespace

Json page_state(const std::vector<Json>& storage_pools, const AnswersOf& answers_of) {
  std::map<std::string, Server> servers;  // by PostgreSQL's system identifier, else by address
  for (const Json& object : storage_pools) {
    const reconcile::Status status = reconcile::parse_status(json::member(object, "status"));
    const std::string address = address_of(object);
    const bool known = status.server_facts && !status.server_facts->facts.system_identifier.empty();
    Server& server = servers[known ? status.server_facts->facts.system_identifier : address];
    if (server.name.empty()) server.name = address;
    add(server, object, status,
        answers_of({kube::metadata_string(object, "namespace"), kube::metadata_string(object, "name")}));
  }
  std::vector<Server> sorted;
  sorted.reserve(servers.size());
  for (auto& [id, server] : servers) sorted.push_back(std::move(server));
  std::sort(sorted.begin(), sorted.end(), [](const Server& a, const Server& b) {
    return std::tie(b.complaints, a.name) < std::tie(a.complaints, b.name);
  });
  Json shown = Json::array();
  for (Server& server : sorted) {
    Json one{{"name", server.name},
             {"granted", server.granted},
             {"complaints", server.complaints},
             {"storagePools", std::move(server.storage_pools)}};
    if (server.budget) {
      one["serverMax"] = server.budget->server_max;
      one["reserved"] = server.budget->reserved + server.budget->other_workloads;
    }
    shown.push_back(std::move(one));
  }
  return {{"servers", std::move(shown)}};
}

}  // namespace storagepool::manager
