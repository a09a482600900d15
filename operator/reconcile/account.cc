#include "operator/reconcile/account.h"

#include <algorithm>
#include <utility>

namespace storagepool::reconcile {
namespace {

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

// What was read at a destination stays known until the pods are led there.
void follow_destination(Memory& memory, const Subject& subject) {
  memory.destination.clear();
  if (subject.spec == nullptr || !memory.config.view()) return;
  const std::string server = server_name(subject.spec->postgres, subject.identity);
  if (server == memory.server) return;
  memory.destination = server;
  const std::string target = settings::target_of(subject.spec->postgres);
  if (std::exchange(memory.destination_target, target) != target) memory.destination_facts.reset();
}

}  // namespace

ReadSpec read_spec(const Cluster& cluster, const Json& object) {
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

std::optional<runtime::TimePoint> in_doubt_until(const Memory& memory) {
  std::optional<runtime::TimePoint> until = memory.may_be_made_until;
  if (const auto& doubt = memory.peak_in_doubt)
    until = std::max(until.value_or(runtime::TimePoint::min()), doubt->since + Doubt::kLongest);
  return until;
}

void follow_servers(Memory& memory, const Subject& subject, const Status& status,
                    sizing::KnownFacts::Time now) {
  const auto& config = memory.config.view();
  if (config && !std::exchange(memory.read_servers, true)) {
    for (const std::string& server : config->leaving) add_once(memory.leaving, server);
    for (const std::string& server : config->tried) add_once(memory.tried, server);
  }
  // Without a ConfigMap, pods may be where they were when the status was written.
  const auto& told = status.server_facts;
  const std::string before =
      !config && told ? qualified_server(told->target, subject.identity.name_space) : "";
  std::string target = told ? told->target : "";
  if (subject.spec != nullptr) target = settings::target_of(subject.spec->postgres);
  if (config) target = settings::target_of(config->granted.postgres);
  const std::string home = target.empty() ? "" : qualified_server(target, subject.identity.name_space);
  add_once(memory.leaving, before);
  add_once(memory.leaving, std::exchange(memory.server, home));
  std::erase(memory.leaving, home);
  follow_destination(memory, subject);
  if (target.empty() || target == memory.target) return;
  memory.facts = known_facts(status, target, now);
  if (target == memory.destination_target) memory.facts = std::exchange(memory.destination_facts, {});
  memory.target = target;
}

std::vector<std::string> tried_servers(const Memory& memory, const render::Identity& identity) {
  std::vector<std::string> tried;
  const auto& config = memory.config.view();
  if (config && config->granted.candidate) add_once(tried, server_name(*config->granted.candidate, identity));
  return tried;
}

void forget_left_servers(Memory& memory, const render::Identity& identity) {
  memory.leaving.clear();
  memory.tried = tried_servers(memory, identity);
}

void follow_facts(std::optional<sizing::KnownFacts>& known, const sizing::KnownFacts& facts) {
  if (!known || sizing::is_newer(facts, *known)) known = facts;
}

void see_objects(Memory& memory, const Cluster& cluster, const render::Identity& identity,
                 runtime::TimePoint now) {
  const auto settle = [&](std::optional<Doubt>& doubt, std::uint64_t before, std::uint64_t version,
                          std::int64_t number) {
    if (doubt && (doubt->version != version || now - doubt->since > Doubt::kLongest)) doubt.reset();
    if (version > 0 && version < before) put_in_doubt(doubt, {version, number, now});
  };
  remember_numbers(memory);
  const std::uint64_t config_before = memory.config.version();
  const std::uint64_t workload_before = memory.workload.version();
  memory.config.update(cluster, kube::resources::kConfigMaps,
                       {identity.name_space, render::config_map_name(identity.name)}, read_config_map,
                       identity.uid);
  memory.workload.update(cluster, kube::resources::kStatefulSets, {identity.name_space, identity.name},
                         read_stateful_set, identity.uid);
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
  account.tried = memory.tried;
  if (!subject.deleting) {
    account.destination = memory.destination;
    account.destination_facts = memory.destination_facts;
  }
  if (const render::Spec* spec = subject.spec) {
    account.database = spec->postgres.database;
    account.role = subject.identity.name_space + "/" + spec->credentials_secret;
    if (!subject.deleting) account.request = spec->sizing;
  } else if (const auto& config = memory.config.view()) {
    account.database = config->granted.postgres.database;
  }
  const Holding held = holding(observed);
  account.existing = held.existing;
  account.ceiling = held.ceiling;
  return account;
}

}  // namespace storagepool::reconcile
