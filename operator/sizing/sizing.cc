#include "operator/sizing/sizing.h"

#include <algorithm>
#include <array>

namespace storagepool::sizing {
namespace {

std::string counted(std::int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string describe_others(const Outlook& outlook, std::int64_t share) {
  const Others& others = outlook.others;
  return "; " + counted(others.pools, "other StoragePool", "other StoragePools") + " with " +
         counted(others.pods, "pod", "pods") + " may hold " + std::to_string(others.hold) +
         " and keep at least " + std::to_string(others.least) + ", the share of this one is " +
         std::to_string(share);
}

std::string describe_workloads(const OtherWorkloads& workloads) {
  std::string who = "other workloads";
  if (workloads.pods > 0)
    who = counted(workloads.count, "other workload", "other workloads") + " with " +
          counted(workloads.pods, "pod", "pods");
  return "; " + who + " may hold " + std::to_string(workloads.hold);
}

std::string describe_asked(const Request& request) {
  const std::int64_t pods = request.sized_for();
  std::string text = std::to_string(pods) + " pods";
  if (pods > request.replicas)
    text += " (replicas " + std::to_string(request.replicas) + ", an autoscaler's maximum " +
            std::to_string(request.max_replicas) + ")";
  return text + " ask for " + std::to_string(request.max_open_conns) + " connections each, " +
         std::to_string(pods * request.max_open_conns) + " together";
}

std::string describe_safe(const Request& request, const Outlook& outlook) {
  std::string text = "; up to " + counted(outlook.max_safe_replicas, "replica is", "replicas are") +
                     " safe, with minConnsPerPod " + std::to_string(request.min_conns_per_pod) + " each";
  if (request.max_replicas > std::max(outlook.max_safe_replicas, request.sized_for()))
    text += ", and an autoscaler may ask for " + std::to_string(request.max_replicas);
  return text;
}

// The limit that binds, and how to raise it.
std::string raise_the_least(const Request& request, const Outlook& outlook) {
  const std::int64_t hold = outlook.workloads.hold;
  if (hold > 0 && outlook.server_max - outlook.reserved - hold < outlook.usable)
    return "raise the server's max_connections, or let other workloads hold less";
  if (request.max_connections == outlook.usable) return "raise spec.budget.maxConnections";
  if (outlook.database_limit == outlook.usable) return "raise the database's CONNECTION LIMIT";
  if (outlook.role_limit == outlook.usable) return "raise the role's CONNECTION LIMIT";
  return "raise the server's max_connections";
}

std::string advice(const Request& request, const Outlook& outlook, Shortage shortage) {
  if (shortage == Shortage::kHeld)
    return ". What helps: set spec.paused to false, or " + raise_the_least(request, outlook);
  const bool by_autoscaler = request.max_replicas > request.replicas &&
                             (request.size_for_maximum || shortage == Shortage::kMaximumDoesNotFit);
  std::string lower = by_autoscaler ? "the autoscaler's maxReplicas" : "spec.replicas";
  if (shortage == Shortage::kMaximumDoesNotFit || shortage == Shortage::kMinimumDoesNotFit) {
    lower += " to " + std::to_string(outlook.max_safe_replicas);
    if (request.min_conns_per_pod > 1) lower += " or spec.budget.minConnsPerPod";
  } else {
    lower += " or spec.pool";
  }
  return ". What helps: lower " + lower + ", or " + raise_the_least(request, outlook);
}

std::string describe(const Request& request, const Outlook& outlook, const Plan& plan) {
  std::string text = describe_asked(request) + "; " + std::to_string(outlook.usable) +
                     " are usable (max_connections " + std::to_string(outlook.server_max) + ", reserved " +
                     std::to_string(outlook.reserved);
  if (outlook.role_limit) text += ", role limit " + std::to_string(*outlook.role_limit);
  if (outlook.database_limit) text += ", database limit " + std::to_string(*outlook.database_limit);
  if (request.max_connections)
    text += ", spec.budget.maxConnections " + std::to_string(*request.max_connections);
  text += ")";
  const Share& share = outlook.share;
  const std::int64_t all = request.paused ? plan.share : (share.pods + share.room) * share.per_pod;
  if (outlook.workloads.count > 0) text += describe_workloads(outlook.workloads);
  if (outlook.others.pools > 0) text += describe_others(outlook, all);
  text += "; planned are " + counted(plan.replicas, "pod", "pods") + " with " + std::to_string(plan.per_pod) +
          " each" + describe_safe(request, outlook);
  return plan.shortage == Shortage::kNone ? text : text + advice(request, outlook, plan.shortage);
}

std::string describe_unknown(const Plan& plan, const Request& request) {
  const std::string unknown = "the limits of the PostgreSQL server are not known yet";
  if (plan.replicas == 0 && request.replicas > 0 && !request.paused) {
    return unknown +
           "; first pods of other StoragePools are to find them out, one after the other, and this "
           "one waits for its turn";
  }
  return unknown + "; planned are " + std::to_string(plan.replicas) + " pods with " +
         std::to_string(plan.per_pod) + " connections each until a pod has read them";
}

bool has_all(const Request& request, const Share& share) {
  return share.pods + share.room >= request.sized_for() && share.per_pod >= request.max_open_conns;
}

Shortage shortage(const Request& request, const Outlook& outlook) {
  if (!outlook.known) return Shortage::kFactsUnknown;
  if (request.policy == Policy::kObserve) {
    const bool fits = request.sized_for() * request.max_open_conns <= outlook.available;
    return fits ? Shortage::kNone : Shortage::kObserved;
  }
  const bool all = has_all(request, outlook.share);
  if (!all && request.policy == Policy::kStrict) return Shortage::kStrict;
  if (outlook.share.pods < request.replicas) return Shortage::kMinimumDoesNotFit;
  // Before it is asked for: then pods would be missing.
  const std::int64_t safe = std::max(outlook.max_safe_replicas, outlook.share.pods + outlook.share.room);
  if (std::max(request.max_replicas, request.sized_for()) > safe) return Shortage::kMaximumDoesNotFit;
  return all ? Shortage::kNone : Shortage::kLimitsReduced;
}

// A limit below the share, as far up to it as it can be now. Strict goes there in one step.
std::int64_t grown(const Request& request, const Outlook& outlook, std::int64_t pods, std::int64_t limit,
                   std::int64_t share) {
  const std::int64_t room = outlook.available / std::max<std::int64_t>(pods, 1);
  const bool all = request.policy == Policy::kStrict && has_all(request, outlook.share);
  if (all && room < share) return std::max(limit, request.min_conns_per_pod);
  return std::clamp(std::max(room, limit), request.min_conns_per_pod, share);
}

// Of a paused one: what is there.
Plan held(const Outlook& outlook, const Existing& existing) {
  Plan plan;
  plan.replicas = existing.replicas;
  plan.peak_pods = std::max(existing.replicas, existing.peak_pods);
  plan.per_pod = existing.limit;
  plan.share = plan.replicas * plan.per_pod;
  if (!outlook.known) {
    plan.shortage = Shortage::kFactsUnknown;
  } else if (plan.peak_pods * plan.per_pod > outlook.available) {
    plan.shortage = Shortage::kHeld;
  }
  return plan;
}

Plan wanted(const Request& request, const Outlook& outlook, const Existing& existing) {
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
  plan.share = plan.replicas * share;
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
    case Shortage::kMaximumDoesNotFit:
      return "MaximumDoesNotFit";
    case Shortage::kMinimumDoesNotFit:
      return "MinimumDoesNotFit";
    case Shortage::kStrict:
      return "StrictPolicy";
    case Shortage::kObserved:
      return "ObservedOnly";
    case Shortage::kHeld:
      return "HeldWhilePaused";
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
  Plan plan = request.paused ? held(outlook, existing) : wanted(request, outlook, existing);
  if (!outlook.known) {
    plan.message = describe_unknown(plan, request);
    return plan;
  }
  plan.budget = Budget{.server_max = outlook.server_max,
                       .reserved = outlook.reserved,
                       .role_limit = outlook.role_limit,
                       .database_limit = outlook.database_limit,
                       .usable = outlook.usable,
                       .share = plan.share,
                       .other_pools = outlook.others.hold,
                       .other_workloads = outlook.workloads.hold,
                       .max_safe_replicas = outlook.max_safe_replicas};
  plan.message = describe(request, outlook, plan);
  return plan;
}

}  // namespace storagepool::sizing
