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

// For when an object is lost: what it said last, and what a write in doubt may have made of it.
void remember_numbers(Memory& memory) {
  const auto more = [](const std::optional<Doubt>& doubt, std::int64_t number) {
    return doubt ? std::max(number, doubt->number) : number;
  };
  if (const auto& config = memory.config.view()) memory.last_ceiling = config->granted.ceiling;
  if (const auto& workload = memory.workload.view()) memory.last_peak = workload->workload.peak_pods;
  if (memory.last_ceiling > 0) memory.last_ceiling = more(memory.ceiling_in_doubt, memory.last_ceiling);
  memory.last_peak = more(memory.peak_in_doubt, memory.last_peak);
}

}  // namespace

tl::expected<render::Spec, render::FieldProblems> read_spec(const Cluster& cluster, const Json& object) {
  auto spec = render::parse_spec(object);
  if (spec) spec->sizing.max_replicas = max_replicas_of(cluster.cached_autoscalers(kube::key_of(object)));
  return spec;
}

void put_in_doubt(std::optional<Doubt>& doubt, const Doubt& more) {
  const bool same = doubt && doubt->version == more.version;
  const std::int64_t before = same ? doubt->number : 0;
  doubt = more;
  doubt->number = std::max(doubt->number, before);
}

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
                 runtime::TimePoint now) {
  const auto own = [&](const kube::ResourceType& type, const std::string& name) {
    return cached_own(cluster, type, {identity.name_space, name}, identity.uid);
  };
  const auto settle = [&](std::optional<Doubt>& doubt, std::uint64_t before, std::uint64_t version,
                          std::int64_t number) {
    if (doubt && (doubt->version != version || now - doubt->since > Doubt::kLongest)) doubt.reset();
    if (version > 0 && version < before) put_in_doubt(doubt, {version, number, now});
  };
  remember_numbers(memory);
  const std::uint64_t config_before = memory.config.version();
  const std::uint64_t workload_before = memory.workload.version();
  memory.config.update(own(kube::resources::kConfigMaps, render::config_map_name(identity.name)),
                       read_config_map);
  memory.workload.update(own(kube::resources::kStatefulSets, identity.name), read_stateful_set);
  settle(memory.ceiling_in_doubt, config_before, memory.config.version(), memory.last_ceiling);
  settle(memory.peak_in_doubt, workload_before, memory.workload.version(), memory.last_peak);
  remember_numbers(memory);
}

Observed known_objects(const Memory& memory, const Status& status) {
  Observed observed;
  if (const auto& config = memory.config.view()) observed.granted = config->granted;
  if (const auto& view = memory.workload.view()) observed.workload = view->workload;
  observed.last_generation = status.pods ? status.pods->settings_generation : 0;
  observed.last_ceiling = memory.last_ceiling;
  observed.last_peak = memory.last_peak;
  if (const auto& doubt = memory.ceiling_in_doubt) {
    if (auto& granted = observed.granted) granted->ceiling = std::max(granted->ceiling, doubt->number);
  }
  if (const auto& doubt = memory.peak_in_doubt) {
    observed.last_peak = std::max(observed.last_peak, doubt->number);
    if (auto& workload = observed.workload)
      workload->peak_pods = std::max(workload->peak_pods, doubt->number);
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
