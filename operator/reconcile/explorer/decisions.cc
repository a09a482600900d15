#include "operator/reconcile/explorer/decisions.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "operator/reconcile/explorer/accounts.h"
#include "operator/reconcile/explorer/others.h"
#include "operator/reconcile/explorer/steps.h"
#include "operator/reconcile/step/holding.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/sizing/ledger.h"

namespace storagepool::reconcile::explorer {
namespace {

// Stands for a ceiling of which nothing is known.
constexpr std::int64_t kAnyLimit = 255;

// Of those that a state has numbers for.
constexpr std::int64_t kMostGenerations = 15;

Grant grant_of(const Granted& granted) {
  return make_grant(static_cast<int>(std::min(granted.generation, kMostGenerations)),
                    static_cast<int>(granted.settings.max_open_conns));
}

Byte server_at(const settings::PostgresTarget& target) {
  return static_cast<Byte>(target.host.front() - '0');
}

PodObserved observed_pod(const Pod& pod, std::int64_t ordinal, Grant current, Fault fault) {
  PodObserved seen{.name = std::to_string(ordinal),
                   .ordinal = ordinal,
                   .started = pod.seen == kSeenStarted,
                   .pushed = pod.pushed != 0,
                   .told = true,
                   .failure = "no answer"};
  if (pod.report == 0) {
    if (fault == Fault::kConfirmationIgnoresSilentPods) seen.started = false;
    return seen;
  }
  const bool as_current = fault == Fault::kConfirmationIgnoresGeneration && current != 0;
  const Grant told = as_current ? current : pod.report;
  settings::SettingsReport report;
  report.applied_generation = generation_of(told);
  report.settings = settings_with(limit_of(told));
  report.open = std::max(pod.report_over, limit_of(pod.report));
  if (as_current) report.open = std::min<std::int64_t>(report.open, limit_of(current));
  if (fault == Fault::kConfirmationIgnoresSockets) report.open = 0;
  seen.report = std::move(report);
  return seen;
}

// As Look::destination makes it.
std::optional<DestinationObserved> observed_destination(const Pool& pool, const Spec& spec, Fault fault) {
  const auto destination = destination_of(pool, spec);
  if (!destination) return std::nullopt;
  DestinationObserved seen{.admitted = false, .abandoned = true};
  for (const Pod& pod : pool.pods) {
    if (pod.seen == kSeenStarted && (pod.report == 0 || pod.report_leads_to != kNowhere))
      seen.abandoned = false;
    if (pod.report != 0 && pod.report_candidate == candidate_of(*destination) && *destination != kNowhere)
      seen.admitted = true;
  }
  seen.admitted &= pool.there.known != 0;
  if (fault == Fault::kLedOnBeforeAdmission) seen.abandoned = true;
  return seen;
}

struct Asked {
  Desired desired;
  Observed observed;
};

Asked ask(const Configuration& configuration, const State& state, int index, Fault fault) {
  const Pool& pool = state.pools[static_cast<std::size_t>(index)];
  const Spec& spec = configuration.spec_of(state, index);
  Asked asked;
  asked.desired = {.request = request_of(spec),
                   .asked = {{"maxOpenConns", spec.limit}},
                   .postgres = target_of(spec.server),
                   .deleting = spec.deleting,
                   .name = "p",
                   .journals = false,
                   .patience_over = true};
  asked.observed = known_objects(pool, fault);
  for (std::size_t i = 0; i < pool.pods.size(); ++i) {
    if (pool.pods[i].seen == kNotSeen) continue;
    const auto ordinal = static_cast<std::int64_t>(i);
    asked.observed.pods.push_back(observed_pod(pool.pods[i], ordinal, pool.known_config_map.grant, fault));
  }
  asked.observed.pods_are_live = pool.live != 0 || fault == Fault::kPeakLoweredFromCachedList;
  if (may_linger(pool) && fault != Fault::kSessionsOfGonePodsForgotten) asked.observed.lingering = "";
  asked.observed.vanished = pool.vanished != 0 && fault != Fault::kVanishedPodHasNoMoreThanTheLimit;
  if (fault == Fault::kReleasedWhilePodsExist && spec.deleting) asked.observed.pods.clear();
  sizing::Ledger ledger;
  for (int i = 0; i < configuration.pools(); ++i) {
    const Pool& other = state.pools[static_cast<std::size_t>(i)];
    if (other.gone != 0 && other.counted == 0) continue;
    sizing::Account account = account_of(configuration, state, i, fault);
    if (fault == Fault::kGrowsIntoWhatNeighboursCouldGiveUp && i != index) account.ceiling = 1;
    ledger.put(std::move(account));
  }
  const int others = counted(state.other, configuration);
  if (others > 0 && fault != Fault::kOthersAreForStoragePools)
    ledger.put_workloads({{.server = server_name(0), .pods = others, .connections = others}});
  asked.observed.outlook = ledger.outlook(std::to_string(index), sizing::Ledger::Now{});
  asked.observed.destination = observed_destination(pool, spec, fault);
  auto& there = asked.observed.outlook.destination;
  if (there && fault == Fault::kLimitOfTheOldServerIsTakenAlong) {
    there->known = true;
    there->available = kAnyLimit;
    there->share = {.pods = kAnyLimit, .per_pod = kAnyLimit};
  }
  return asked;
}

// S3: pods or connections are missing and a condition says why.
bool explained(const Step& step, const Spec& spec) {
  if (step.blocked || step.stalled || step.plan.shortage != sizing::Shortage::kNone) return true;
  return step.plan.replicas == spec.replicas && step.plan.per_pod >= spec.min;
}

// The indices of a Push are those of the pods that were seen.
Byte ordinals(const std::vector<std::size_t>& indices, const Pool& pool) {
  unsigned mask = 0;
  std::size_t index = 0;
  for (std::size_t i = 0; i < pool.pods.size(); ++i) {
    if (pool.pods[i].seen == kNotSeen) continue;
    if (std::find(indices.begin(), indices.end(), index++) != indices.end()) mask |= 1U << i;
  }
  return static_cast<Byte>(mask);
}

Write write_of(const Action& action, const Pool& pool) {
  Write write;
  if (const auto* grant = std::get_if<WriteGrant>(&action)) {
    write.kind = kGrant;
    write.grant = grant_of(grant->granted);
    write.ceiling = static_cast<Byte>(std::min<std::int64_t>(grant->granted.ceiling, kAnyLimit));
    write.leads_to = server_at(grant->granted.postgres);
    if (const auto& candidate = grant->granted.candidate)
      write.candidate = candidate_of(server_at(*candidate));
  } else if (const auto* scale = std::get_if<Scale>(&action)) {
    write.kind = kScale;
    write.replicas = static_cast<Byte>(scale->replicas);
    write.peak = static_cast<Byte>(scale->peak_pods);
  } else if (const auto* push = std::get_if<Push>(&action)) {
    write.kind = kPush;
    write.pods = ordinals(push->pods, pool);
  } else if (std::holds_alternative<ListPods>(action)) {
    write.kind = kList;
  }
  return write;
}

void spoil(Write& write, const Pool& pool, Fault fault) {
  const bool lost = write.kind == kGrant && pool.known_config_map.grant == 0;
  if (fault == Fault::kCeilingLoweredBeforeConfirmation && write.kind == kGrant)
    write.ceiling = limit_of(write.grant);
  if (fault == Fault::kLostCeilingIsTheLimit && lost) write.ceiling = limit_of(write.grant);
  if (fault == Fault::kPeakForgetsOrphans && write.kind == kScale && pool.known_stateful_set.exists == 0)
    write.peak = write.replicas;
  if (fault == Fault::kPeakLoweredWithReplicas && write.kind == kScale) write.peak = write.replicas;
}

Decision decide(const Configuration& configuration, const State& state, int index, Fault fault) {
  const Pool& pool = state.pools[static_cast<std::size_t>(index)];
  const Asked asked = ask(configuration, state, index, fault);
  const Step step = next_step(asked.desired, asked.observed);
  Decision decision;
  decision.write = write_of(step.action, pool);
  if (const auto* grant = std::get_if<WriteGrant>(&step.action)) {
    const bool skips = grant->granted.generation > kMostGenerations;
    decision.skips_generations = skips && fault != Fault::kGenerationReusedAfterLoss ? 1 : 0;
    if (skips) decision.write.grant = make_grant(1, limit_of(decision.write.grant));
  }
  spoil(decision.write, pool, fault);
  decision.done = std::holds_alternative<Done>(step.action) ? 1 : 0;
  decision.replicas = static_cast<Byte>(step.plan.replicas);
  decision.explained = explained(step, configuration.spec_of(state, index)) ? 1 : 0;
  return decision;
}

// What an account is made of.
struct AccountBytes {
  Byte spec, gone, counted;
  Byte limit, ceiling, leads_to;
  Byte exists, replicas, peak;
  Byte last_ceiling, last_peak, leaving, seen, tried;
  Facts facts, there;
  std::array<Byte, 2> doubt;
  std::array<Byte, 3> write;
};
static_assert(std::has_unique_object_representations_v<AccountBytes>);

std::array<Byte, 3> numbers_of(const Write& write) {
  if (write.kind != kGrant && write.kind != kScale) return {};
  return {write.kind, write.ceiling, write.peak};
}

AccountBytes account_bytes(const Pool& pool) {
  AccountBytes bytes{.spec = pool.spec,
                     .gone = pool.gone,
                     .counted = pool.counted,
                     .limit = limit_of(pool.known_config_map.grant),
                     .ceiling = pool.known_config_map.ceiling,
                     .leads_to = pool.known_config_map.leads_to,
                     .exists = pool.known_stateful_set.exists,
                     .replicas = pool.known_stateful_set.replicas,
                     .peak = pool.known_stateful_set.peak,
                     .last_ceiling = pool.last_ceiling,
                     .last_peak = pool.last_peak,
                     .leaving = pool.leaving,
                     .seen = 0,
                     .tried = pool.tried,
                     .facts = pool.facts,
                     .there = pool.there,
                     .doubt = {pool.ceiling_in_doubt, pool.peak_in_doubt},
                     .write = numbers_of(pool.write)};
  for (const Pod& pod : pool.pods) bytes.seen += pod.seen != kNotSeen ? 1 : 0;
  return bytes;
}

// All that `decide` looks at, and nothing else.
struct Question {
  Byte index, live, settled, lingering, vanished, others;
  Grant grant, status_grant;
  Candidate candidate;
  std::array<std::array<Byte, 6>, kMostPods> pods;
  std::array<AccountBytes, kMostPools> accounts;
};
static_assert(std::has_unique_object_representations_v<Question>);

std::uint64_t question(const State& state, int index, int pools, const Spec& spec) {
  const Pool& pool = state.pools[static_cast<std::size_t>(index)];
  Question asked{};
  asked.index = static_cast<Byte>(index);
  asked.live = pool.live;
  asked.settled = pool.known_stateful_set.settled;
  asked.lingering = may_linger(pool) ? 1 : 0;
  asked.vanished = pool.vanished;
  asked.others = std::max(state.other.now, state.other.left);
  asked.grant = pool.known_config_map.grant;
  asked.status_grant = pool.status_grant;
  asked.candidate = pool.known_config_map.candidate;
  const bool moves = destination_of(pool, spec).has_value();
  for (std::size_t i = 0; i < pool.pods.size(); ++i) {
    const Pod& pod = pool.pods[i];
    asked.pods[i] = {pod.seen, pod.pushed, pod.report, pod.report_over};
    if (moves) asked.pods[i][4] = pod.report_leads_to, asked.pods[i][5] = pod.report_candidate;
  }
  for (int i = 0; i < pools; ++i) {
    asked.accounts[static_cast<std::size_t>(i)] = account_bytes(state.pools[static_cast<std::size_t>(i)]);
  }
  return fingerprint(&asked, sizeof(asked));
}

}  // namespace

Decisions::Decisions(const Configuration& configuration, Fault fault)
    : configuration_(configuration), fault_(fault) {}

const Decision& Decisions::of(const State& state, int pool) {
  const std::uint64_t key =
      question(state, pool, configuration_.pools(), configuration_.spec_of(state, pool));
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  return known_.emplace(key, decide(configuration_, state, pool, fault_)).first->second;
}

Counted Decisions::claim(const State& state, int index) {
  const Pool& pool = state.pools[static_cast<std::size_t>(index)];
  if (pool.gone != 0 && pool.counted == 0) return {};
  const AccountBytes bytes = account_bytes(pool);
  const std::uint64_t key = fingerprint(&bytes, sizeof(bytes)) + static_cast<std::uint64_t>(index);
  const auto found = counted_.find(key);
  if (found != counted_.end()) return found->second;
  const sizing::Account account = account_of(configuration_, state, index, fault_);
  Counted counted{.connections = static_cast<int>(account.claim()),
                  .servers = 0,
                  .pods = static_cast<int>(account.existing.peak_pods),
                  .tried = 0};
  for (Byte server = 0; server < kMostServers; ++server) {
    const auto counts = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), server_name(server)) != names.end() ? 1U : 0U;
    };
    counted.servers |= static_cast<Byte>(counts(account.servers) << server);
    counted.tried |= static_cast<Byte>(counts(account.tried) << server);
  }
  return counted_.emplace(key, counted).first->second;
}

std::string Decisions::explain(const State& state, int pool) const {
  const Asked asked = ask(configuration_, state, pool, fault_);
  const Step step = next_step(asked.desired, asked.observed);
  std::string text = step.plan.message;
  if (step.blocked) text += "; " + step.blocked->reason + ": " + step.blocked->message;
  return text;
}

}  // namespace storagepool::reconcile::explorer
