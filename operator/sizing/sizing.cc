#include "operator/sizing/sizing.h"

#include <algorithm>
#include <array>

namespace storagepool::sizing {
namespace {

std::string counted(std::int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string describe_others(const Outlook& outlook) {
  const Others& others = outlook.others;
  return "; " + counted(others.pools, "other StoragePool", "other StoragePools") + " with " +
         counted(others.pods, "pod", "pods") + " may hold " + std::to_string(others.hold) +
         " and keep at least " + std::to_string(others.least) + ", the share of this one is " +
         std::to_string(outlook.share.pods * outlook.share.per_pod);
}

std::string describe(const Request& request, const Outlook& outlook, const Plan& plan) {
  std::string text = std::to_string(request.replicas) + " pods ask for " +
                     std::to_string(request.max_open_conns) + " connections each, " +
                     std::to_string(request.replicas * request.max_open_conns) + " together; " +
                     std::to_string(outlook.usable) + " are usable (max_connections " +
                     std::to_string(outlook.server_max) + ", reserved " + std::to_string(outlook.reserved);
  if (outlook.role_limit) text += ", role limit " + std::to_string(*outlook.role_limit);
  if (outlook.database_limit) text += ", database limit " + std::to_string(*outlook.database_limit);
  if (request.max_connections)
    text += ", spec.budget.maxConnections " + std::to_string(*request.max_connections);
  text += ")";
  if (outlook.others.pools > 0) text += describe_others(outlook);
  return text + "; planned are " + std::to_string(plan.replicas) + " pods with " +
         std::to_string(plan.per_pod) + " each";
}

std::string describe_unknown(const Plan& plan, const Request& request) {
  const std::string unknown = "the limits of the PostgreSQL server are not known yet";
  if (plan.replicas == 0 && request.replicas > 0) {
    return unknown +
           "; first pods of other StoragePools are to find them out, one after the other, and this "
           "one waits for its turn";
  }
  return unknown + "; planned are " + std::to_string(plan.replicas) + " pods with " +
         std::to_string(plan.per_pod) + " connections each until a pod has read them";
}

bool has_all(const Request& request, const Share& share) {
  return share.pods >= request.replicas && share.per_pod >= request.max_open_conns;
}

Shortage shortage(const Request& request, const Outlook& outlook) {
  if (!outlook.known) return Shortage::kFactsUnknown;
  if (request.policy == Policy::kObserve) {
    const bool fits = request.replicas * request.max_open_conns <= outlook.available;
    return fits ? Shortage::kNone : Shortage::kObserved;
  }
  if (has_all(request, outlook.share)) return Shortage::kNone;
  if (request.policy == Policy::kStrict) return Shortage::kStrict;
  return outlook.share.pods < request.replicas ? Shortage::kMinimumDoesNotFit : Shortage::kLimitsReduced;
}

// A limit below the share, as far up to it as it can be now. Strict goes there in one step.
std::int64_t grown(const Request& request, const Outlook& outlook, std::int64_t pods, std::int64_t limit,
                   std::int64_t share) {
  const std::int64_t room = outlook.available / std::max<std::int64_t>(pods, 1);
  const bool all = request.policy == Policy::kStrict && has_all(request, outlook.share);
  if (all && room < share) return std::max(limit, request.min_conns_per_pod);
  return std::clamp(std::max(room, limit), request.min_conns_per_pod, share);
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

std::int64_t Destination::room(std::int64_t pods, const Request& request) const {
  if (request.policy == Policy::kObserve) return request.max_open_conns;
  if (!known) return 1;
  return std::min(available / std::max<std::int64_t>(pods, 1), share.per_pod);
}

bool Outlook::admits(std::int64_t pods, std::int64_t per_pod, const Request& request) const {
  if (pods > pods_that_may_try) return false;
  if (request.policy == Policy::kObserve || pods * per_pod <= available) return true;
  return lone_pod && pods == 1 && per_pod <= request.min_conns_per_pod;
}

Plan plan(const Request& request, const Outlook& outlook, const Existing& existing) {
  const bool observes = request.policy == Policy::kObserve;
  Plan plan;
  plan.shortage = shortage(request, outlook);
  plan.replicas = observes ? request.replicas : std::min(request.replicas, outlook.share.pods);
  plan.peak_pods = std::max(plan.replicas, existing.peak_pods);
  // Without pods the limit is nobody's.
  const std::int64_t each = plan.peak_pods > 0 ? outlook.share.per_pod : existing.limit;
  const std::int64_t share =
      observes ? request.max_open_conns : std::clamp(each, request.min_conns_per_pod, request.max_open_conns);
  plan.per_pod = observes || existing.limit >= share
                     ? share
                     : grown(request, outlook, plan.peak_pods, existing.limit, share);
  plan.others_hold_more = plan.per_pod < share;
  if (!outlook.known) {
    plan.message = describe_unknown(plan, request);
    return plan;
  }
  plan.budget = Budget{.server_max = outlook.server_max,
                       .reserved = outlook.reserved,
                       .role_limit = outlook.role_limit,
                       .database_limit = outlook.database_limit,
                       .usable = outlook.usable,
                       .share = plan.replicas * share,
                       .other_pools = outlook.others.hold,
                       .max_safe_replicas = outlook.max_safe_replicas};
  plan.message = describe(request, outlook, plan);
  return plan;
}

}  // namespace storagepool::sizing
