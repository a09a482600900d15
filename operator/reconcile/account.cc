#include "operator/reconcile/account.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace storagepool::reconcile {
namespace {

// A name for the server that is the same however a Service is written: "db", "db.team" and "db.team.svc" are
// one server for a StoragePool in the namespace "team", and "db" is another one for a StoragePool elsewhere.
std::string qualified(const std::string& target, const std::string& name_space) {
  const std::string server = target.substr(0, target.find('/'));
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos) return server;
  std::string host = server.substr(0, colon);
  for (const std::string_view suffix : {".cluster.local", ".svc"}) {
    if (host.ends_with(suffix)) host.resize(host.size() - suffix.size());
  }
  if (host.find_first_of(".:") == std::string::npos) host += "." + name_space;
  return host + server.substr(colon);
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

void follow_servers(Memory& memory, const Subject& subject, const Status& status,
                    sizing::KnownFacts::Time now) {
  const std::string& name_space = subject.identity.name_space;
  const auto& config = memory.config.view();
  const auto& told = status.server_facts;
  // Without a ConfigMap, pods may be where they were when the status was written.
  std::string live = config ? qualified(config->server, name_space) : "";
  if (!config && told) live = qualified(told->target, name_space);
  if (config && !std::exchange(memory.read_leaving, true)) {
    for (const std::string& server : config->leaving) add_once(memory.leaving, server);
  }
  std::string target = subject.spec != nullptr ? settings::target_of(subject.spec->postgres) : "";
  const std::string home = target.empty() ? live : qualified(target, name_space);
  if (target.empty() && told && qualified(told->target, name_space) == home) target = told->target;
  add_once(memory.leaving, live);
  add_once(memory.leaving, std::exchange(memory.server, home));
  std::erase(memory.leaving, home);
  if (target.empty() || target == memory.target) return;
  memory.facts = known_facts(status, target, now);
  memory.target = target;
  memory.target_since = now;
}

void forget_left_servers(Memory& memory) {
  memory.leaving.clear();
}

void follow_facts(Memory& memory, const sizing::KnownFacts& facts) {
  auto& known = memory.facts;
  if (!known || sizing::is_newer(facts, *known)) known = facts;
}

void see_objects(Memory& memory, const Cluster& cluster, const render::Identity& identity,
                 Children::Now now) {
  const auto own = [&](const kube::ResourceType& type, const std::string& name) {
    return cached_own(cluster, type, {identity.name_space, name}, identity.uid);
  };
  const auto config_map = own(kube::resources::kConfigMaps, render::config_map_name(identity.name));
  const auto stateful_set = own(kube::resources::kStatefulSets, identity.name);
  const bool config_unseen = memory.config.unseen();
  const bool workload_unseen = memory.workload.unseen();
  const auto config = memory.config.view();
  const auto workload = memory.workload.view();
  memory.config.update(config_map, read_config_map, now);
  memory.workload.update(stateful_set, read_stateful_set, now);
  if (config_unseen && config && !memory.config.view())
    memory.ceiling_in_doubt = Doubt{0, config->granted.ceiling, now};
  if (workload_unseen && workload && !memory.workload.view())
    memory.peak_in_doubt = Doubt{0, workload->workload.peak_pods, now};
  const auto settle = [&](std::optional<Doubt>& doubt, std::uint64_t version) {
    if (doubt && (doubt->version != version || now - doubt->since > Doubt::kLongest)) doubt.reset();
  };
  settle(memory.ceiling_in_doubt, memory.config.version());
  settle(memory.peak_in_doubt, memory.workload.version());
}

Observed known_objects(const Memory& memory, const Status& status) {
  Observed observed;
  if (const auto& config = memory.config.view()) observed.granted = config->granted;
  if (const auto& view = memory.workload.view()) observed.workload = view->workload;
  observed.last_generation = status.pods ? status.pods->settings_generation : 0;
  observed.last_ceiling = last_ceiling(status);
  if (const auto& doubt = memory.ceiling_in_doubt) {
    observed.last_ceiling = std::max(observed.last_ceiling, doubt->number);
    if (auto& granted = observed.granted) granted->ceiling = std::max(granted->ceiling, doubt->number);
  }
  if (const auto& doubt = memory.peak_in_doubt) {
    Workload& workload = observed.workload ? *observed.workload : observed.workload.emplace();
    workload.peak_pods = std::max(workload.peak_pods, doubt->number);
  }
  return observed;
}

sizing::Account account_of(const Memory& memory, const Subject& subject, const Observed& observed) {
  sizing::Account account;
  account.uid = subject.identity.uid;
  account.created = subject.created;
  add_once(account.servers, memory.server);
  for (const std::string& server : memory.leaving) add_once(account.servers, server);
  account.facts = memory.facts;
  if (const render::Spec* spec = subject.spec) {
    account.database = spec->postgres.database;
    account.role = subject.identity.name_space + "/" + spec->credentials_secret;
    if (!subject.deleting) account.request = spec->sizing;
  } else if (const auto& config = memory.config.view()) {
    account.database = config->database;
  }
  const Holding held = holding(observed);
  account.existing = held.existing;
  account.ceiling = held.ceiling;
  return account;
}

}  // namespace storagepool::reconcile
