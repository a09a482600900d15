// Which servers the pods of a Look are led to and may be at.
#include <algorithm>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/step/holding.h"
#include "operator/reconcile/look.h"
#include "operator/render/render.h"
#include "operator/render/token_issuer.h"

namespace storagepool::reconcile {

void Look::learn_facts() {
  if (!valid_) return;
  for (const PodState& pod : pods_) {
    const auto& told = pod.answer.facts;
    if (!told) continue;
    const auto read = [&](std::int64_t age) { return pod.answer.asked - std::chrono::seconds(age); };
    if (told->facts && told->target == memory_.target)
      follow_facts(memory_.facts, {.facts = *told->facts, .read = read(told->facts_age_seconds)});
    const auto& trial = told->trial;
    if (!trial || !trial->facts || memory_.destination.empty()) continue;
    if (trial->target == memory_.destination_target) {
      follow_facts(memory_.destination_facts,
                   {.facts = *trial->facts, .read = read(trial->facts_age_seconds)});
    }
  }
}

void Look::follow_departed() {
  Departed& departed = memory_.departed;
  const Observed known = objects();
  departed.follow({.pods = pods_,
                   .replicas = known.workload ? known.workload->replicas : 0,
                   .peak_pods = holding(known).existing.peak_pods,
                   .settled = !known.workload || known.workload->settled,
                   .listed = pods_listed_},
                  now_.steady);
  // Of the servers that pods may be on besides nobody tells.
  if (!memory_.leaving.empty() || !memory_.tried.empty()) return;
  for (const PodState& pod : pods_) {
    const auto& told = pod.answer.facts;
    if (!told || !told->sessions_by_pod || told->target != memory_.target) continue;
    departed.read(*told->sessions_by_pod,
                  pod.answer.asked - std::chrono::seconds(told->facts_age_seconds + 1));
  }
}

// With all that StoragePools may hold there now, others would find the server full. What is said of it stays
// until it is over or the spec is changed: sessions come and go, and each word would be written.
std::optional<Reason> Look::reserve_too_small() {
  const Condition* before = find_condition(previous_, kReserveTooSmall);
  const bool was = before != nullptr && before->status == Truth::kTrue;
  if (!memory_.reserve) memory_.reserve.emplace(was);
  const auto& budget = step_->plan.budget;
  const auto& config = memory_.config.view();
  const auto& workload = memory_.workload.view();
  const bool known = budget && config && workload && memory_.facts && memory_.facts->facts.other_sessions;
  if (!known) return was ? std::optional(Reason{before->reason, before->message}) : std::nullopt;
  const settings::ServerFacts& facts = memory_.facts->facts;
  const std::int64_t others = facts.other_sessions.value_or(0);
  const std::int64_t gives =
      facts.max_connections - facts.superuser_reserved_connections - facts.reserved_connections;
  const std::int64_t held = workload->workload.peak_pods * config->granted.ceiling + budget->other_pools;
  memory_.reserve->read(others + held <= gives, memory_.facts->read);
  if (!memory_.reserve->is_too_small()) return std::nullopt;
  if (was && kube::generation(*object_) == previous_.observed_generation)
    return Reason{before->reason, before->message};
  const std::int64_t needed = std::max<std::int64_t>(others - budget->other_workloads, 0);
  std::string text = "others than StoragePools have " + std::to_string(others) + " sessions on " +
                     memory_.target + ", and StoragePools may hold " + std::to_string(held) +
                     ": together more than the " + std::to_string(gives) +
                     " that the server gives, so that some are refused (53300) when all are in use. Set "
                     "spec.postgres.reserve to " +
                     std::to_string(needed) + " or more";
  if (budget->other_workloads > 0)
    text += " (" + std::to_string(budget->other_workloads) + " are declared by workloads, and counted)";
  return Reason{"OthersHoldMore", std::move(text)};
}

std::optional<DestinationObserved> Look::destination() const {
  if (memory_.destination.empty()) return std::nullopt;
  DestinationObserved seen{.admitted = false, .abandoned = true};
  for (const PodState& pod : pods_) {
    const auto& told = pod.answer.facts;
    if (pod.view.started && (!told || told->reachable)) seen.abandoned = false;
    const auto& trial = told ? told->trial : std::nullopt;
    if (trial && trial->admitted && trial->target == memory_.destination_target) seen.admitted = true;
  }
  seen.admitted &= memory_.destination_facts.has_value();
  return seen;
}

// It has the ConfigMap as it is now, and holds nothing anywhere else than that says.
bool Look::as_led(const PodState& pod) const {
  const auto& config = memory_.config.view();
  const auto& told = pod.answer.facts;
  if (!config || !told) return false;
  const Granted& granted = config->granted;
  const std::string target = settings::target_of(granted.postgres);
  const std::string tries = told->trial ? told->trial->target : target;
  const bool tries_it = !granted.candidate || tries == settings::target_of(*granted.candidate);
  return told->mounted >= granted.generation && told->target == target && told->elsewhere == 0 &&
         (granted.candidate ? tries_it : tries == target);
}

// Pods that have not started yet will read the ConfigMap as it is. Of one that has vanished nobody knows
// where its sessions are.
bool Look::are_as_led() const {
  return memory_.config.view() && !memory_.departed.has_vanished(now_.steady) &&
         std::all_of(pods_.begin(), pods_.end(),
                     [&](const PodState& pod) { return !pod.view.started || as_led(pod); });
}

Look::Failure Look::forget_servers() {
  const bool same = memory_.leaving.empty() && memory_.tried == tried_servers(memory_, identity_);
  // A write in doubt may lead pods elsewhere than what is known.
  if (same || memory_.ceiling_in_doubt || !are_as_led()) return std::nullopt;
  if (!pods_listed_) {
    if (auto failure = list_pods()) return failure;
  }
  if (are_as_led()) forget_left_servers(memory_, identity_);
  put_account();
  return std::nullopt;
}

// What pods are told of who may ask them. What the API server said last stays while it says nothing.
std::string Look::access() const {
  const std::string live = memory_.config.view().value_or(ConfigView{}).access;
  if (!valid_) return live;
  if (spec_.auth_mode != "ServiceAccount") return {};
  const auto issuer = issuer_.issuer ? std::optional(*issuer_.issuer) : render::issuer_in(live, identity_);
  if (!issuer) return {};
  std::optional<std::vector<std::string>> namespaces;
  if (render::needs_namespaces(identity_, spec_)) namespaces = cluster_.cached_namespaces();
  return render::access_text(identity_, spec_, *issuer, namespaces);
}

Json Look::config_map(const Granted& granted) const {
  const std::string led_to = server_name(granted.postgres, identity_);
  std::vector<std::string> leaving = memory_.leaving;
  const bool leads_on = !memory_.server.empty() && led_to != memory_.server;
  if (leads_on) leaving.push_back(memory_.server);
  std::erase(leaving, led_to);
  return render::config_map(identity_, {.generation = granted.generation,
                                        .settings = granted.settings,
                                        .ceiling = granted.ceiling,
                                        .postgres = granted.postgres,
                                        .candidate = granted.candidate,
                                        .leaving = std::move(leaving),
                                        .tried = memory_.tried,
                                        .operator_key = options_.operator_key,
                                        .access = access()});
}

// Where a grant lets pods be is counted from now on, whatever becomes of the write, until the pods say that
// they are elsewhere. False when others were quicker.
bool Look::claim_servers(const Granted& granted) {
  const auto knows = [](const std::vector<std::string>& servers, const std::string& server) {
    return std::find(servers.begin(), servers.end(), server) != servers.end();
  };
  const std::string led_to = server_name(granted.postgres, identity_);
  if (memory_.config.view() && led_to != memory_.server && !knows(memory_.leaving, led_to)) {
    if (!ledger_.raise_moved(identity_.uid, now_.steady)) return false;
    memory_.leaving.push_back(led_to);
  }
  if (!granted.candidate) return true;
  const std::string tried = server_name(*granted.candidate, identity_);
  if (knows(memory_.tried, tried)) return true;
  if (!ledger_.raise_tried(identity_.uid, now_.steady)) return false;
  memory_.tried.push_back(tried);
  return true;
}

}  // namespace storagepool::reconcile
