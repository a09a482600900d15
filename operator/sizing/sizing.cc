#include "operator/sizing/sizing.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace storagepool::sizing {
namespace {

std::int64_t unreserved(const settings::ServerFacts& facts) {
  return facts.max_connections - facts.superuser_reserved_connections - facts.reserved_connections;
}

// What is left of each limit after the reserve and the others' claims; the least of them counts.
std::int64_t available(const Request& request, const settings::ServerFacts& facts, const Claims& others) {
  std::int64_t least = unreserved(facts) - request.reserve - others.on_server;
  if (facts.role_limit) least = std::min(least, *facts.role_limit - request.reserve - others.of_role);
  if (facts.database_limit) {
    least = std::min(least, *facts.database_limit - request.reserve - others.on_database);
  }
  if (request.max_connections) least = std::min(least, *request.max_connections);
  return std::max<std::int64_t>(least, 0);
}

std::string describe(const Request& request, const Budget& budget, const Plan& plan) {
  std::string text = std::to_string(request.replicas) + " pods ask for " +
                     std::to_string(request.max_open_conns) + " connections each, " +
                     std::to_string(request.replicas * request.max_open_conns) + " together; " +
                     std::to_string(budget.usable) + " are usable (max_connections " +
                     std::to_string(budget.server_max) + ", reserved " + std::to_string(budget.reserved);
  if (budget.role_limit) text += ", role limit " + std::to_string(*budget.role_limit);
  if (budget.database_limit) text += ", database limit " + std::to_string(*budget.database_limit);
  if (request.max_connections)
    text += ", spec.budget.maxConnections " + std::to_string(*request.max_connections);
  text += ")";
  if (budget.other_pools > 0) {
    text += ", of which other StoragePools hold " + std::to_string(budget.other_pools);
  }
  return text + "; planned are " + std::to_string(plan.replicas) + " pods with " +
         std::to_string(plan.per_pod) + " each";
}

Plan plan_unknown(const Request& request, const Existing& existing) {
  Plan plan;
  plan.shortage = Shortage::kFactsUnknown;
  if (request.policy == Policy::kObserve) {
    plan.replicas = request.replicas;
    plan.per_pod = request.max_open_conns;
  } else {
    // Pods that already run stay: they are counted at the minimum, as the first one is.
    plan.replicas = std::min(request.replicas, std::max<std::int64_t>(existing.replicas, 1));
    plan.per_pod = request.min_conns_per_pod;
  }
  plan.peak_pods = std::max(plan.replicas, existing.peak_pods);
  plan.message = "the limits of the PostgreSQL server are not known yet; planned are " +
                 std::to_string(plan.replicas) + " pods with " + std::to_string(plan.per_pod) +
                 " connections each until a pod has read them";
  return plan;
}

}  // namespace

std::string_view to_string(Shortage shortage) {
  switch (shortage) {
    case Shortage::kNone:
      return "WithinBudget";
    case Shortage::kFactsUnknown:
      return "ServerLimitsUnknown";
    case Shortage::kLimitsReduced:
      return "LimitsReduced";
    case Shortage::kMinimumDoesNotFit:
      return "MinimumDoesNotFit";
    case Shortage::kStrict:
      return "StrictPolicy";
    case Shortage::kObserved:
      return "ObservedOnly";
  }
  return "Unknown";
}

Plan plan(const Request& request, const std::optional<settings::ServerFacts>& facts, const Others& others,
          const Existing& existing) {
  if (!facts) return plan_unknown(request, existing);

  const std::int64_t least = request.min_conns_per_pod;
  const std::int64_t left = available(request, *facts, others.held);
  // Where more is held than there is (the server shrank), the others come down to their minimum too, so pods
  // that run are not given up for what the others hold above it.
  const bool overcommitted = existing.peak_pods * existing.limit > left;
  const std::int64_t left_to_keep = overcommitted ? available(request, *facts, others.least) : left;
  const std::int64_t safe = std::max(left / least, std::min(existing.replicas, left_to_keep / least));

  Plan plan;
  Budget budget{.server_max = facts->max_connections,
                .reserved = facts->max_connections - unreserved(*facts) + request.reserve,
                .role_limit = facts->role_limit,
                .database_limit = facts->database_limit,
                .usable = available(request, *facts, {}),
                .other_pools = others.held.on_server,
                .available = left,
                .max_safe_replicas = safe};

  const bool fits = request.replicas * request.max_open_conns <= left;
  // The last pod of a server stays even where it does not fit: without it nobody would see the server grow
  // again.
  const std::int64_t fewest = others.have_pods ? 0 : 1;
  plan.replicas = std::min(request.replicas, std::max(safe, fewest));
  std::int64_t most = request.max_open_conns;
  if (request.policy == Policy::kObserve) {
    plan.replicas = request.replicas;
    plan.shortage = fits ? Shortage::kNone : Shortage::kObserved;
  } else if (fits) {
    plan.shortage = Shortage::kNone;
  } else if (request.policy == Policy::kStrict) {
    plan.replicas = std::min(plan.replicas, std::max<std::int64_t>(existing.replicas, 1));
    most = std::clamp(existing.limit, least, request.max_open_conns);
    plan.shortage = Shortage::kStrict;
  } else {
    plan.shortage =
        plan.replicas < request.replicas ? Shortage::kMinimumDoesNotFit : Shortage::kLimitsReduced;
  }
  plan.peak_pods = std::max(plan.replicas, existing.peak_pods);
  const std::int64_t share = left / std::max<std::int64_t>(plan.peak_pods, 1);
  plan.per_pod = request.policy == Policy::kObserve ? most : std::clamp(share, least, most);
  plan.message = describe(request, budget, plan);
  plan.budget = budget;
  return plan;
}

settings::Settings grant(const settings::Given& asked, std::int64_t limit) {
  return settings::with_limit(asked, limit);
}

}  // namespace storagepool::sizing
