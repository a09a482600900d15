#include "operator/reconcile/explorer/accounts.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "operator/reconcile/explorer/steps.h"
#include "operator/reconcile/step/holding.h"

namespace storagepool::reconcile::explorer {
namespace {

std::optional<sizing::KnownFacts> known_facts(const Configuration& configuration, const Facts& facts) {
  if (facts.known == 0) return std::nullopt;
  // The server was started anew between one report and the next that says something else.
  const sizing::Ledger::Now read{std::chrono::seconds(200 * (1 + facts.age))};
  sizing::KnownFacts known;
  known.facts.max_connections = configuration.sizes[facts.known - 1];
  known.facts.read_at = known.facts.started_at = read.time_since_epoch() / std::chrono::milliseconds(1);
  known.read = read;
  return known;
}

}  // namespace

const settings::Settings& settings_with(Byte limit) {
  static const std::vector<settings::Settings> all = [] {
    std::vector<settings::Settings> made;
    for (std::int64_t i = 0; i < 16; ++i)
      made.push_back(settings::with_limit({}, std::max<std::int64_t>(i, 1)));
    return made;
  }();
  return all[limit];
}

sizing::Request request_of(const Spec& spec) {
  return {.policy = spec.strict ? sizing::Policy::kStrict : sizing::Policy::kFit,
          .replicas = spec.replicas,
          .max_open_conns = spec.limit,
          .min_conns_per_pod = spec.min,
          .reserve = 0};
}

std::string server_name(Byte server) {
  return "server-" + std::to_string(server) + ":5432";
}

settings::PostgresTarget target_of(Byte server) {
  return {.host = std::to_string(server), .database = "d"};
}

Observed known_objects(const Pool& pool, Fault fault) {
  const ConfigMap& config_map = pool.known_config_map;
  const StatefulSet& set = pool.known_stateful_set;
  Observed observed;
  if (config_map.grant != 0) {
    observed.granted = Granted{.generation = generation_of(config_map.grant),
                               .settings = settings_with(limit_of(config_map.grant)),
                               .ceiling = config_map.ceiling,
                               .postgres = target_of(config_map.leads_to),
                               .candidate = {}};
    if (config_map.candidate != 0) observed.granted->candidate = target_of(config_map.candidate - 1);
  }
  if (set.exists != 0) {
    observed.workload =
        Workload{.replicas = set.replicas, .peak_pods = set.peak, .settled = set.settled != 0};
  }
  observed.last_generation = generation_of(pool.status_grant);
  observed.last_ceiling = pool.last_ceiling;
  observed.last_peak = pool.last_peak;
  if (fault == Fault::kDoubtCountsAsNotMade) return observed;
  if (pool.ceiling_in_doubt > 0) {
    if (pool.last_ceiling > 0) observed.last_ceiling = std::max(pool.last_ceiling, pool.ceiling_in_doubt);
    auto& granted = observed.granted;
    if (granted) granted->ceiling = std::max<std::int64_t>(granted->ceiling, pool.ceiling_in_doubt);
  }
  if (pool.peak_in_doubt > 0) {
    observed.last_peak = std::max(pool.last_peak, pool.peak_in_doubt);
    auto& workload = observed.workload;
    if (workload) workload->peak_pods = std::max<std::int64_t>(workload->peak_pods, pool.peak_in_doubt);
  }
  return observed;
}

sizing::Account account_of(const Configuration& configuration, const State& state, int index, Fault fault) {
  const Pool& pool = state.pools[static_cast<std::size_t>(index)];
  const Spec& spec = configuration.spec_of(state, index);
  Observed observed = known_objects(pool, fault);
  for (const Pod& pod : pool.pods) {
    if (pod.seen != kNotSeen) observed.pods.emplace_back();
  }
  const Holding held = holding(observed);
  sizing::Account account;
  account.uid = std::to_string(index);
  account.created = index;
  account.database = "d";
  account.role = "r";
  account.existing = held.existing;
  account.ceiling = held.ceiling;
  if (pool.write.kind == kGrant && fault != Fault::kNeighboursReadBeforeOwnRaise)
    account.ceiling = std::max<std::int64_t>(account.ceiling, pool.write.ceiling);
  if (pool.write.kind == kScale && fault != Fault::kNeighboursReadBeforeOwnRaise)
    account.existing.peak_pods = std::max<std::int64_t>(account.existing.peak_pods, pool.write.peak);
  if (fault == Fault::kClaimForgetsPeak) account.existing.peak_pods = account.existing.replicas;
  if (fault == Fault::kClaimForgetsCeiling) account.ceiling = account.existing.limit;
  if (fault == Fault::kInvalidSpecClaimsNothing && !spec.valid) account.existing = {};
  if (spec.valid && !spec.deleting) account.request = request_of(spec);
  const Byte home = home_of(pool, spec);
  account.servers.push_back(server_name(home));
  for (Byte server = 0; server <= kNowhere; ++server) {
    const bool left = server != home && (pool.leaving >> server & 1U) != 0;
    if (left && fault != Fault::kClaimForgetsServerBeingLeft) account.servers.push_back(server_name(server));
    const bool tried = (pool.tried >> server & 1U) != 0;
    if (tried && fault != Fault::kClaimForgetsServersTried) account.tried.push_back(server_name(server));
  }
  account.facts = known_facts(configuration, pool.facts);
  if (const auto destination = destination_of(pool, spec); destination && !spec.deleting) {
    account.destination = server_name(*destination);
    account.destination_facts = known_facts(configuration, pool.there);
  }
  return account;
}

}  // namespace storagepool::reconcile::explorer
