#include "operator/reconcile/status/conditions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "operator/reconcile/status/log_conditions.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

Condition condition(const char* type, Truth status, std::string reason, std::string message) {
  return {.type = type, .status = status, .reason = std::move(reason), .message = std::move(message)};
}

Condition condition(const char* type, Truth status, const Reason& why) {
  return condition(type, status, why.reason, why.message);
}

std::string_view reason_of(settings::PostgresFault fault) {
  using settings::PostgresFault;
  switch (fault) {
    case PostgresFault::kCredentialsMissing:
      return "CredentialsMissing";
    case PostgresFault::kCredentialsRejected:
      return "CredentialsRejected";
    case PostgresFault::kTls:
      return "TLSFailed";
    case PostgresFault::kServerFull:
      return "ServerFull";
    case PostgresFault::kDatabaseMissing:
      return "DatabaseMissing";
    case PostgresFault::kUnreachable:
      return "Unreachable";
    case PostgresFault::kReadOnly:
      return "ReadOnly";
    case PostgresFault::kNotPermitted:
      return "NotPermitted";
    case PostgresFault::kSchema:
      return "SchemaFailed";
    case PostgresFault::kCommitsEarly:
      return "SynchronousCommitOff";
    case PostgresFault::kOther:
      break;
  }
  return "PostgresFailed";
}

std::int64_t ready_pods(const Seen& seen) {
  return std::count_if(seen.pods.begin(), seen.pods.end(),
                       [](const PodState& pod) { return pod.view.ready; });
}

bool wanted_replicas_ready(const Seen& seen) {
  const std::int64_t wanted = seen.spec.sizing.replicas;
  const auto settled = [&](const PodState& pod) { return pod.view.ready && pod.view.ordinal < wanted; };
  return static_cast<std::int64_t>(seen.pods.size()) == wanted &&
         std::all_of(seen.pods.begin(), seen.pods.end(), settled);
}

std::string progress(const Seen& seen) {
  return std::to_string(ready_pods(seen)) + " of " + std::to_string(seen.spec.sizing.replicas) +
         " pods are ready";
}

Condition budget_exceeded(const sizing::Plan& plan) {
  Truth exceeded = Truth::kTrue;
  if (plan.shortage == sizing::Shortage::kNone) exceeded = Truth::kFalse;
  if (plan.shortage == sizing::Shortage::kFactsUnknown) exceeded = Truth::kUnknown;
  return condition(kBudgetExceeded, exceeded, std::string(sizing::to_string(plan.shortage)), plan.message);
}

Condition rollout_blocked(const Step& step) {
  if (const auto& why = step.blocked) return condition(kRolloutBlocked, Truth::kTrue, *why);
  return condition(kRolloutBlocked, Truth::kFalse, "NotBlocked", "no pod waits for connections");
}

// Sessions that are open work on while no other can be had; these faults are of the work itself.
bool refuses_work(const std::optional<settings::PostgresFault>& fault) {
  using settings::PostgresFault;
  return fault == PostgresFault::kReadOnly || fault == PostgresFault::kNotPermitted ||
         fault == PostgresFault::kSchema || fault == PostgresFault::kOther;
}

// Pods that are ready in Kubernetes, and none that the operator reaches.
std::optional<Reason> admin_port_unreachable(const Seen& seen) {
  std::string example;
  for (const PodState& pod : seen.pods) {
    if (pod.answer.report) return std::nullopt;
    if (!pod.view.ready) continue;
    if (pod.answer.outcome != pods::Outcome::kUnreachable) return std::nullopt;
    if (example.empty()) example = pod.view.name + ": " + pod.answer.failure;
  }
  if (example.empty()) return std::nullopt;
  const std::string port = std::to_string(render::kAdminPort);
  return Reason{kAdminPortUnreachable,
                "the operator reaches no pod on port " + port + ", though " +
                    std::to_string(ready_pods(seen)) + " are ready (" + example +
                    "). Most often a NetworkPolicy or a service mesh is in between: allow TCP to port " +
                    port +
                    " of these pods from the operator's namespace, and except the port from the mesh. Until "
                    "then the pods go on with what they were granted last"};
}

// What pods are to use is not what they use: another server, or other credentials. They serve all the same.
std::optional<Reason> not_admitted(const Seen& seen) {
  const std::string now = settings::target_of(led_to(seen));
  const std::string wanted = settings::target_of(seen.spec.postgres);
  const std::string go_on = "; the pods go on with " + now + " as before";
  bool admitted = false;
  for (const PodState& pod : seen.pods) {
    const auto& facts = pod.answer.facts;
    if (!facts || !facts->trial || pod.view.terminating) continue;
    if (const auto& fault = facts->trial->fault)
      return Reason{std::string(reason_of(*fault)), pod.view.name + ": " + facts->trial->detail + go_on};
    admitted |= facts->trial->admitted && facts->trial->target == wanted;
  }
  if (now == wanted) return std::nullopt;
  if (admitted)
    return Reason{"MoveWaits",
                  wanted + " admits the pods, and waits until their connections fit there" + go_on};
  return Reason{"NotAdmittedYet", "no pod was admitted by " + wanted + " yet" + go_on};
}

// As the pods with the current target report it.
Condition postgres_reachable(const Seen& seen) {
  if (const auto unreachable = admin_port_unreachable(seen)) {
    return condition(kPostgresReachable, Truth::kUnknown, *unreachable);
  }
  Condition result =
      condition(kPostgresReachable, Truth::kUnknown, "NoPodAnswers", "no pod has reported on PostgreSQL yet");
  std::optional<Condition> warning;
  const std::string target = settings::target_of(led_to(seen));
  for (const PodState& pod : seen.pods) {
    const PodView& view = pod.view;
    const auto& facts = pod.answer.facts;
    if (!facts || facts->target != target || view.terminating) continue;
    if (facts->reachable && facts->fault == settings::PostgresFault::kCommitsEarly) {
      warning = condition(kPostgresReachable, Truth::kTrue, std::string(reason_of(*facts->fault)),
                          view.name + ": " + facts->detail);
    }
    if (facts->reachable && !refuses_work(facts->fault)) {
      result = condition(kPostgresReachable, Truth::kTrue, "Connected",
                         "every pod that reports reaches " + target);
    } else if (facts->fault) {
      return condition(kPostgresReachable, Truth::kFalse, std::string(reason_of(*facts->fault)),
                       view.name + ": " + facts->detail);
    }
  }
  if (const auto refused = not_admitted(seen)) return condition(kPostgresReachable, Truth::kFalse, *refused);
  return warning.value_or(result);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Of the pods' reports: why journals take no events, and where units are set aside.
std::string failed_journals(const Seen& seen) {
  std::string text;
  for (const PodState& pod : seen.pods) {
    const auto& report = pod.answer.report;
    if (!report || report->leaving || !report->journal || report->journal->takes_events) continue;
    text += (text.empty() ? "" : "; ") + pod.view.name + ": " + report->journal->reason;
  }
  return text;
}

std::string set_aside(const Seen& seen) {
  std::string text;
  for (const PodState& pod : seen.pods) {
    const auto& report = pod.answer.report;
    if (!report || !report->journal || report->journal->set_aside_units == 0) continue;
    text += "; " + pod.view.name + " has " + std::to_string(report->journal->set_aside_units) +
            " units set aside that PostgreSQL refuses";
  }
  return text;
}

// Whether an event that was answered 202 could be lost, or none can be answered so.
Condition journal_not_durable(const Seen& seen) {
  if (seen.spec.journal_bytes == 0) {
    return condition(kJournalNotDurable, Truth::kFalse, "NoJournal",
                     "events are refused while PostgreSQL does not take them");
  }
  if (const std::string failed = failed_journals(seen); !failed.empty()) {
    return condition(kJournalNotDurable, Truth::kTrue, "JournalFailed",
                     "no event is accepted for the journal of " + failed);
  }
  if (seen.workload.volumes) {
    return condition(kJournalNotDurable, Truth::kFalse, "PersistentVolume",
                     "each journal lies on a volume that outlives its pod");
  }
  if (seen.filled.empty()) {
    return condition(kJournalNotDurable, Truth::kTrue, "Ephemeral", "each journal goes with its pod");
  }
  return condition(kJournalNotDurable, Truth::kTrue, "EventsAtRisk",
                   listed(seen.filled) +
                       " may hold events that PostgreSQL does not have and that go with the pod: "
                       "no eviction is allowed until they are stored or given up by the annotation " +
                       std::string(render::kGiveUpAnnotation));
}

// A claim for which there is no volume yet.
std::optional<Reason> missing_volume(const Seen& seen) {
  for (const ClaimView& claim : seen.claims) {
    const auto waits = [&](const PodState& pod) {
      return pod.view.ordinal == claim.ordinal && !pod.view.started;
    };
    if (claim.bound || std::none_of(seen.pods.begin(), seen.pods.end(), waits)) continue;
    if (claim.has_class) return Reason{"VolumePending", "the claim " + claim.name + " has no volume yet"};
    return Reason{
        "NoStorageClass",
        "the claim " + claim.name +
            " gets no volume: the cluster has no default StorageClass. Make one, or make the StoragePool "
            "anew with spec.journal.storageClassName, or with persistence Ephemeral"};
  }
  return std::nullopt;
}

// Whether a claim without a volume says more than the pod that waits for it.
bool is_about_volumes(const std::optional<Trouble>& trouble) {
  return !trouble || trouble->message.find("PersistentVolumeClaim") != std::string::npos;
}

Condition pods_failing(const Seen& seen) {
  if (const auto& trouble = seen.trouble)
    return condition(kPodsFailing, Truth::kTrue, trouble->reason, trouble->message);
  return condition(kPodsFailing, Truth::kFalse, "NotFailing", "nothing keeps pods from starting");
}

Condition authentication_off(const Seen& seen) {
  if (seen.spec.auth_mode == "None") {
    return condition(kAuthenticationOff, Truth::kTrue, "ModeNone",
                     "spec.auth.mode is None: whoever reaches the Service reads and writes all events; "
                     "ServiceAccount, Token and Paseto ask for a token");
  }
  return condition(kAuthenticationOff, Truth::kFalse, seen.spec.auth_mode, "every request needs a token");
}

// Pods that ask for tokens whose signatures they cannot check admit nobody.
std::optional<Reason> issuer_unknown(const Seen& seen) {
  if (!seen.no_issuer) return std::nullopt;
  return Reason{"TokenIssuerUnknown",
                "the API server has not told who signs the tokens of service accounts (" + *seen.no_issuer +
                    "): the pods answer every request with 401 until it does"};
}

// What time alone does not mend, once it has had some.
std::optional<Reason> hopeless(const StatusInput& input, const Seen& seen) {
  const auto& trouble = seen.trouble;
  if (!trouble || !trouble->lasting || seen.deleting) return std::nullopt;
  const Condition* before = find_condition(input.previous, kPodsFailing);
  const bool long_enough = before != nullptr && before->status == Truth::kTrue &&
                           input.now - before->last_transition >= kTimeToMend;
  return long_enough ? std::optional(Reason{trouble->reason, trouble->message}) : std::nullopt;
}

Condition paused(const Seen& seen, const Condition& postgres) {
  const bool well =
      postgres.status != Truth::kFalse && wanted_replicas_ready(seen) && seen.step.unconfirmed.empty();
  return condition(kReady, well ? Truth::kTrue : Truth::kFalse, kPaused,
                   "spec.paused is true: nothing is changed but this status; " + progress(seen));
}

Condition ready(const StatusInput& input, const Seen& seen, const Condition& postgres) {
  if (const auto& stall = input.stall) return condition(kReady, Truth::kFalse, *stall);
  if (const auto& failure = input.failure) return condition(kReady, Truth::kFalse, *failure);
  const auto& awaited = seen.step.awaits_journal;
  if (seen.deleting && awaited) return condition(kReady, Truth::kFalse, "Draining", awaited->message);
  if (seen.deleting) return condition(kReady, Truth::kFalse, "Draining", "the pods are being removed");
  if (seen.spec.sizing.paused) return paused(seen, postgres);
  if (seen.spec.sizing.replicas == 0 && seen.pods.empty()) {
    return condition(kReady, Truth::kTrue, "ScaledToZero", "no pods are wanted");
  }
  if (postgres.status == Truth::kFalse) {
    return condition(kReady, Truth::kFalse, postgres.reason, postgres.message);
  }
  if (const auto missing = missing_volume(seen); missing && is_about_volumes(seen.trouble))
    return condition(kReady, Truth::kFalse, *missing);
  if (const auto& trouble = seen.trouble)
    return condition(kReady, Truth::kFalse, trouble->reason, trouble->message);
  if (awaited) return condition(kReady, Truth::kFalse, *awaited);
  if (const auto unreachable = admin_port_unreachable(seen)) {
    return condition(kReady, Truth::kFalse, *unreachable);
  }
  if (const auto unknown = issuer_unknown(seen)) return condition(kReady, Truth::kFalse, *unknown);
  if (wanted_replicas_ready(seen) && seen.step.unconfirmed.empty()) {
    return condition(kReady, Truth::kTrue, "Ready", progress(seen) + set_aside(seen));
  }
  if (const auto& blocked = seen.step.blocked) return condition(kReady, Truth::kFalse, *blocked);
  return condition(kReady, Truth::kFalse, "Progressing", progress(seen));
}

// All pods may be ready between one that was replaced and the next.
std::optional<Reason> rolls_out(const Seen& seen) {
  const auto made = std::ranges::count_if(
      seen.pods, [&](const PodState& pod) { return is_current(pod.view, seen.workload) == true; });
  if (seen.workload.settled && made == std::ssize(seen.pods)) return std::nullopt;
  return Reason{"RollingOut", std::to_string(made) + " of " + std::to_string(seen.pods.size()) +
                                  " pods are made as they are wanted now"};
}

Condition stalled(const std::optional<Reason>& why) {
  if (why) return condition(kStalled, Truth::kTrue, *why);
  return condition(kStalled, Truth::kFalse, "NotStalled", "nothing stands in the way");
}

Condition reserve_too_small(const Seen& seen) {
  if (const auto& why = seen.reserve_too_small) return condition(kReserveTooSmall, Truth::kTrue, *why);
  return condition(kReserveTooSmall, Truth::kFalse, "ReserveSuffices",
                   "others than StoragePools have no more sessions than is left to them");
}

Condition awaiting_turn(const Seen& seen) {
  if (const auto& why = seen.awaits_turn) return condition(kAwaitingTurn, Truth::kTrue, *why);
  return condition(kAwaitingTurn, Truth::kFalse, "UpToDate", "the pods are as this operator makes them");
}

std::vector<Condition> unseen_conditions(const StatusInput& input) {
  if (const auto& failure = input.failure; failure && !input.stall) {
    return {condition(kReady, Truth::kFalse, *failure), condition(kReconciling, Truth::kTrue, *failure),
            stalled(std::nullopt)};
  }
  const Reason stall = input.stall.value_or(Reason{"Unknown", "nothing was observed"});
  return {condition(kReady, Truth::kFalse, stall),
          condition(kReconciling, Truth::kFalse, stall.reason, "nothing is changed until this is resolved"),
          condition(kStalled, Truth::kTrue, stall)};
}

std::vector<Condition> seen_conditions(const StatusInput& input, const Seen& seen) {
  const Condition postgres = postgres_reachable(seen);
  const Condition is_ready = ready(input, seen, postgres);
  const auto missing = missing_volume(seen);
  const bool no_class = missing && missing->reason == "NoStorageClass";
  std::optional<Reason> stall = input.stall;
  if (!stall && no_class && !seen.deleting) stall = missing;
  if (!stall) stall = hopeless(input, seen);
  if (!stall) stall = seen.step.stalled;
  const Condition is_stalled = stalled(stall);
  const bool rests = seen.spec.sizing.paused && !seen.deleting;
  const auto rolls = rolls_out(seen);
  const bool is_well = is_ready.status == Truth::kTrue;
  const bool busy = !rests && is_stalled.status != Truth::kTrue && (!is_well || rolls);
  // In an outage both are so: PostgreSQL is away, and what waits for it.
  Reason why = is_well && rolls ? *rolls : Reason{is_ready.reason, is_ready.message};
  if (seen.step.awaits_journal && !input.failure) why = *seen.step.awaits_journal;
  const Reason idle = rests ? Reason{kPaused, "nothing is changed until spec.paused is false"}
                            : Reason{"Settled", "nothing is left to do"};
  const Condition reconciling =
      busy ? condition(kReconciling, Truth::kTrue, why) : condition(kReconciling, Truth::kFalse, idle);
  std::vector<Condition> conditions{is_ready,
                                    reconciling,
                                    is_stalled,
                                    budget_exceeded(seen.step.plan),
                                    rollout_blocked(seen.step),
                                    postgres,
                                    journal_not_durable(seen),
                                    pods_failing(seen),
                                    authentication_off(seen)};
  if (seen.reserve_too_small || has_condition(input.previous, kReserveTooSmall, Truth::kTrue))
    conditions.push_back(reserve_too_small(seen));
  const bool awaited = has_condition(input.previous, kAwaitingTurn, Truth::kTrue);
  add_log_conditions(input, seen, conditions);
  if (seen.awaits_turn || (awaited && !rests)) conditions.push_back(awaiting_turn(seen));
  return conditions;
}

}  // namespace

std::vector<Condition> build_conditions(const StatusInput& input) {
  std::vector<Condition> conditions =
      input.seen ? seen_conditions(input, *input.seen) : unseen_conditions(input);
  for (Condition& condition : conditions) {
    condition.observed_generation = input.generation;
    const Condition* before = find_condition(input.previous, condition.type);
    condition.last_transition = before != nullptr && before->status == condition.status
                                    ? before->last_transition
                                    : std::chrono::floor<std::chrono::seconds>(input.now);
  }
  return conditions;
}

std::vector<Complaint> complaints_of(const std::vector<Condition>& conditions) {
  std::vector<Complaint> complaints;
  for (const Condition& condition : conditions) {
    const bool says_well = condition.type == kReady || condition.type == kPostgresReachable;
    const bool well = condition.status == (says_well ? Truth::kTrue : Truth::kFalse);
    if (well || condition.type == kReconciling) continue;
    complaints.push_back({condition.type, std::string(to_string(condition.status)), condition.reason});
  }
  return complaints;
}

}  // namespace storagepool::reconcile
