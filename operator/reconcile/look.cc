#include "operator/reconcile/look.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/cluster/join.h"
#include "operator/reconcile/step/leaving.h"
#include "operator/render/render.h"
#include "pool/common/runtime/log.h"

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;

// One look ends after so many actions; the next one comes at once.
constexpr int kMaxActions = 16;
// How often pods are asked while something is awaited of them, or has just been changed.
constexpr auto kProgressing = 500ms;
constexpr auto kWaiting = 2000ms;
// How long after a change it is worth asking often.
constexpr auto kProgressPeriod = 20s;
constexpr auto kVolatileStatusPeriod = 30s;
// While the sessions of pods that are gone are awaited: what is read of them wakes nobody.
constexpr std::chrono::milliseconds kReadAgain = 1s;
// How long pods that leave are waited for where a volume keeps what they hold.
constexpr auto kPatience = 60s;
// What the API server has refused for good is asked of it again about this often.
constexpr std::chrono::milliseconds kRefusedPeriod = 60s;

}  // namespace

Look::Look(Cluster& cluster, pods::Pods& pods, const Options& options, SharedLedger& ledger, Turns& turns,
           Memory& memory, kube::ObjectPtr object, ReadSpec spec, const Moment& now)
    : cluster_(cluster),
      reports_(pods),
      options_(options),
      ledger_(ledger),
      turns_(turns),
      memory_(memory),
      object_(std::move(object)),
      now_(now),
      identity_(render::identity_of(*object_)),
      issuer_(options.token_issuer()),
      deleting_(kube::is_deleting(*object_)),
      previous_(memory.status.view().value_or(Status{})) {
  if (spec) {
    spec_ = std::move(*spec);
    valid_ = true;
  } else {
    stall_ = Reason{"InvalidSpec", join(spec.error())};
  }
  // After a start nothing has just changed where all is as the status says.
  const bool known = memory_.generation > 0 || has_condition(previous_, kReady, Truth::kTrue);
  const std::int64_t before = memory_.generation > 0 ? memory_.generation : previous_.observed_generation;
  const std::int64_t generation = kube::generation(*object_);
  if (!known || before != generation) memory_.progressed_at = now.steady;
  memory_.generation = generation;
}

tl::expected<Outcome, kube::ApiError> Look::run() {
  auto failure = work();
  if (observed_pods_) follow_pods();
  if (finished_) return Outcome{};
  if (failure && !is_worth_telling(*failure)) return tl::unexpected(std::move(*failure));
  if (auto unwritten = write_status()) {
    log::warn("the status was not written", {{"detail", unwritten->to_string()}});
    if (!failure && is_worth_telling(*unwritten)) {
      record({.regarding = {},
              .type = kube::EventType::kWarning,
              .reason = "StatusNotWritten",
              .action = "Reconcile",
              .note = cluster_words(unwritten->message)});
    }
    if (!failure) failure = std::move(unwritten);
  }
  if (failure) return tl::unexpected(std::move(*failure));
  follow_turn();
  memory_.failing_since.reset();
  Outcome outcome{
      .requeue_after = requeue_after(), .budget = {}, .complaints = complaints_of(status_.conditions)};
  if (const auto& pods = status_.pods) {
    const ConnectionBudget& budget = pods->budget;
    outcome.budget = BudgetNumbers{.server = server_label(),
                                   .usable = budget.server ? budget.server->usable : 0,
                                   .share = budget.server ? budget.server->share : 0,
                                   .granted = budget.granted,
                                   .per_pod = budget.per_pod};
  }
  const bool in_doubt = memory_.ceiling_in_doubt || memory_.peak_in_doubt;
  const auto& workload = memory_.workload.view();
  const bool rolls_out = !held_.empty() || (workload && !workload->rollout.empty());
  outcome.settled = has_condition(status_, kReady, Truth::kTrue) && !cut_short_ && !in_doubt && !rolls_out;
  return outcome;
}

std::string Look::server_label() const {
  const auto& known = status_.server_facts;
  return known && !known->facts.system_identifier.empty() ? known->facts.system_identifier : memory_.server;
}

Look::Failure Look::work() {
  if (deleting_ && !render::has_finalizer(*object_)) {
    finished_ = true;
    return std::nullopt;
  }
  // Pods that a scale-in has waited for are waited for once more.
  if (deleting_ && !std::exchange(memory_.deleting, true)) memory_.leaving_since.reset();
  if (!deleting_ && !valid_) return std::nullopt;
  if (is_paused()) return rest();
  if (!deleting_) {
    if (auto failure = add_finalizer()) return failure;
    if (refused_) return std::nullopt;
    if (auto failure = apply_fixed_children()) return failure;
    if (refused_) return std::nullopt;
    if (auto failure = make_log_key()) return failure;
    if (refused_) return std::nullopt;
  }
  observe();
  if (auto failure = ensure_disruption_budget()) return failure;
  if (deleting_) refused_ = false;  // a deletion goes on without it
  if (refused_) return std::nullopt;
  bool done = false;
  bool waits = false;
  for (int i = 0; i < kMaxActions; ++i) {
    put_account();
    const Step& step = step_.emplace(next_step(desired(), observed()));
    follow_patience(step.leaving);
    done = std::holds_alternative<Done>(step.action);
    waits = std::holds_alternative<Wait>(step.action);
    if (done || waits) break;
    if (auto failure = carry_out(step.action)) return failure;
    if (refused_) return std::nullopt;
    waits = overtaken_;
    if (waits) break;
    memory_.progressed_at = now_.steady;
  }
  cut_short_ = !done && !waits;
  if (deleting_) return done ? finish_deletion() : std::nullopt;
  if (auto failure = forget_servers()) return failure;
  if (auto failure = ensure_config_map()) return failure;
  return ensure_stateful_set();
}

Desired Look::desired() const {
  const auto& since = memory_.leaving_since;
  return {.request = spec_.sizing,
          .asked = spec_.pool,
          .postgres = spec_.postgres,
          .deleting = deleting_,
          .name = identity_.name,
          .journals = spec_.journal_bytes > 0,
          .given_up = render::given_up_pods(*object_),
          .patience_over = since && now_.steady - *since >= kPatience};
}

void Look::follow_patience(bool leaving) {
  if (!leaving) memory_.leaving_since.reset();
  if (leaving && !memory_.leaving_since) memory_.leaving_since = now_.steady;
}

// Its container has never run, and on its volume none has before.
bool Look::holds_nothing(const PodView& pod) const {
  const auto& workload = memory_.workload.view();
  if (pod.ran) return false;
  if (workload && !workload->workload.volumes) return true;
  return std::none_of(claims_.begin(), claims_.end(),
                      [&](const ClaimView& claim) { return claim.ordinal == pod.ordinal && claim.bound; });
}

Subject Look::subject() const {
  return {.identity = identity_,
          .created = kube::created_at(*object_),
          .spec = valid_ ? &spec_ : nullptr,
          .deleting = deleting_};
}

void Look::put_account() {
  ledger_.put(account_of(memory_, subject(), objects()));
}

Observed Look::observed() const {
  Observed observed = objects();
  observed.outlook = ledger_.outlook(identity_.uid, now_.steady);
  return observed;
}

Observed Look::objects() const {
  Observed observed = known_objects(memory_, previous_);
  const WorkloadView view = memory_.workload.view().value_or(WorkloadView{});
  for (const PodState& pod : pods_) {
    const auto& facts = pod.answer.facts;
    observed.pods.push_back({.name = pod.view.name,
                             .ordinal = pod.view.ordinal,
                             .started = pod.view.started,
                             .terminating = pod.view.terminating,
                             .ready = pod.view.ready,
                             .outdated = is_current(pod.view, view.workload) == false,
                             .reaches_postgres = facts && facts->reachable && facts->target == memory_.target,
                             .holds_nothing = holds_nothing(pod.view),
                             .pushed = pod.settings.has_value(),
                             .told = pod.leaving.has_value(),
                             .report = pod.answer.report,
                             .failure = pod.answer.failure,
                             .refused = facts && facts->refused ? facts->refused->detail : ""});
  }
  for (const ClaimView& claim : claims_) {
    observed.claims.push_back({.ordinal = claim.ordinal, .bound = claim.bound});
  }
  observed.pods_are_live = pods_listed_.has_value();
  const Departed& departed = memory_.departed;
  if (departed.may_linger(now_.steady)) observed.lingering = departed.words(now_.steady);
  observed.vanished = departed.has_vanished(now_.steady);
  observed.destination = destination();
  return observed;
}

void Look::observe() {
  see_objects(memory_, cluster_, identity_, now_.steady);
  const kube::ObjectKey key = kube::key_of(*object_);
  claims_ = memory_.claims.update(cluster_, kube::resources::kPersistentVolumeClaims, key,
                                  [&](const Json& claim) { return read_claim(claim, identity_.name); });
  take_pods(memory_.pods.update(cluster_, kube::resources::kPods, key,
                                [&](const Json& pod) { return read_pod(pod, identity_.name); }));
}

// Keeps what is wanted of pods that were known before.
void Look::take_pods(std::vector<PodView> views) {
  std::vector<PodState> pods;
  for (PodView& view : views) {
    const auto before = std::find_if(pods_.begin(), pods_.end(), [&](const PodState& pod) {
      return pod.view.uid == view.uid && pod.view.ip == view.ip;
    });
    PodState& pod = pods.emplace_back();
    if (before != pods_.end()) pod = std::move(*before);
    pod.view = std::move(view);
  }
  for (PodState& pod : pods) {
    pod.answer = reports_.latest(kube::key_of(*object_), run_of(pod.view, pods));
  }
  pods_ = std::move(pods);
  observed_pods_ = true;
  learn_facts();
  follow_departed();
}

// Also where the look has failed: what was granted before that is in force.
void Look::follow_pods() {
  pods::WantedPods wanted;
  const std::chrono::milliseconds usual = report_period(awaits_pods());
  const std::chrono::milliseconds awaited = report_period(true);
  for (const PodState& pod : pods_) {
    if (finished_) break;
    wanted.push_back({.run = run_of(pod.view, pods_),
                      .ready = pod.view.ready,
                      .period = awaits(pod.view) ? awaited : usual,
                      .settings = pod.settings,
                      .leaving = pod.leaving});
  }
  reports_.follow(kube::key_of(*object_), wanted);
}

// A pod that can be asked and has not been yet: of what is so only the status of before tells, also after the
// operator was started anew.
bool Look::awaits_first_answers() const {
  return std::any_of(pods_.begin(), pods_.end(), [&](const PodState& pod) {
    return pod.view.ready && pod.answer.outcome == pods::Outcome::kNotAsked &&
           !run_of(pod.view, pods_).ip.empty();
  });
}

Look::Failure Look::write_status() {
  StatusInput input;
  input.name_space = identity_.name_space;
  input.name = identity_.name;
  input.generation = kube::generation(*object_);
  input.now = now_.wall;
  input.previous = previous_;
  input.stall = stall_;
  input.failure = failure_;
  if (step_ && valid_) {
    Seen& seen = input.seen.emplace();
    seen.spec = spec_;
    seen.deleting = deleting_;
    seen.step = *step_;
    seen.granted = memory_.config.view().value_or(ConfigView{}).granted;
    seen.workload = memory_.workload.view().value_or(WorkloadView{}).workload;
    seen.pods = pods_;
    seen.claims = claims_;
    seen.filled = filled_journals(desired(), observed());
    seen.facts = memory_.facts;
    seen.trouble = find_trouble();
    seen.reserve_too_small = reserve_too_small();
    seen.awaits_turn = awaits_turn();
    if (spec_.auth_mode == "ServiceAccount" && access().empty()) seen.no_issuer = issuer_.failure;
  }
  status_ = build_status(input);
  const bool is_news = kube::generation(*object_) != previous_.observed_generation || stall_ || failure_;
  if (!is_news && !deleting_ && awaits_first_answers()) return std::nullopt;

  const Difference changed = difference(previous_, status_);
  const bool due = now_.steady - memory_.status_written_at >= kVolatileStatusPeriod;
  if (changed == Difference::kNone || (changed == Difference::kVolatileOnly && !due)) return std::nullopt;
  const auto stored = cluster_.apply_status(
      {{"metadata", {{"name", identity_.name}, {"namespace", identity_.name_space}, {"uid", identity_.uid}}},
       {"status", to_json(status_)}});
  const std::vector<kube::Event> events = transition_events(previous_, status_);
  if (!stored) {
    for (const kube::Event& event : events) {
      if (event.type == kube::EventType::kWarning) record(event);
    }
    return stored.error();
  }
  memory_.status_written_at = now_.steady;
  if (changed == Difference::kReal) memory_.progressed_at = now_.steady;
  for (const kube::Event& event : events) record(event);
  return std::nullopt;
}

void Look::record(kube::Event event) {
  event.regarding = kube::reference_to(*object_);
  cluster_.record(event);
}

// Something is awaited that the report of any pod may show.
bool Look::awaits_pods() const {
  if (!step_) return false;
  return step_->leaving || step_->awaits_journal || awaits_departed() ||
         step_->plan.shortage == sizing::Shortage::kFactsUnknown;
}

// That of this one alone does.
bool Look::awaits(const PodView& pod) const {
  return step_ && std::find(step_->unconfirmed.begin(), step_->unconfirmed.end(), pod.name) !=
                      step_->unconfirmed.end();
}

// The claim cannot be lowered for them.
bool Look::awaits_departed() const {
  const auto& config = memory_.config.view();
  const bool ceiling_is_high = config && config->granted.ceiling > config->granted.settings.max_open_conns;
  const Departed& departed = memory_.departed;
  return departed.may_linger(now_.steady) || (ceiling_is_high && departed.has_vanished(now_.steady));
}

std::chrono::milliseconds Look::report_period(bool awaited) const {
  const bool away = std::any_of(pods_.begin(), pods_.end(), [](const PodState& pod) {
    const auto& facts = pod.answer.facts;
    return facts && (!facts->reachable || facts->refused);
  });
  // While pods take their journals along, an eviction must not come before a filled one is known.
  const auto& workload = memory_.workload.view();
  const bool watchful = workload && !workload->workload.volumes && spec_.journal_bytes > 0;
  const bool recent = now_.steady - memory_.progressed_at < kProgressPeriod;
  if (awaited && recent) return std::min<std::chrono::milliseconds>(kProgressing, options_.resync);
  if (awaited || away || watchful || recent)
    return std::min<std::chrono::milliseconds>(kWaiting, options_.resync);
  return options_.resync;
}

// Changes of objects and of reports are told; the end of a patience is not.
std::chrono::milliseconds Look::requeue_after() const {
  if (cut_short_) return 0ms;
  if (refused_) {
    // Not all at the same time: one full quota refuses many.
    const std::size_t spread = std::hash<std::string>{}(identity_.uid) % 256;
    return kRefusedPeriod * 9 / 10 + kRefusedPeriod / 5 * spread / 256;
  }
  std::chrono::milliseconds next = options_.resync;
  const auto until = [&](runtime::TimePoint time) {
    next = std::min(next, std::chrono::ceil<std::chrono::milliseconds>(time - now_.steady));
  };
  const auto& since = memory_.leaving_since;
  if (since && now_.steady - *since < kPatience) until(*since + kPatience);
  if (awaits_departed()) until(now_.steady + kReadAgain);
  if (const auto due = memory_.inquiry.next()) until(*due);
  if (const auto due = memory_.scheduler.next(now_.steady)) until(*due);
  const bool may_mend =
      has_condition(status_, kPodsFailing, Truth::kTrue) && !has_condition(status_, kStalled, Truth::kTrue);
  if (may_mend) until(now_.steady + kTimeToMend);
  return next;
}

}  // namespace storagepool::reconcile
