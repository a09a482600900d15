#include "operator/reconcile/look.h"

#include <algorithm>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/conditions.h"
#include "operator/reconcile/member.h"
#include "operator/render/admin_token.h"
#include "operator/render/render.h"
#include "pool/common/runtime/json.h"
#include "pool/common/runtime/log.h"

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;
using runtime::integer_at;
using runtime::text_at;

// One look ends after so many actions; the next one comes at once.
constexpr int kMaxActions = 16;
constexpr auto kProgressing = 500ms;
constexpr auto kWaiting = 2000ms;
// How long after a change it is worth looking often.
constexpr auto kProgressPeriod = 20s;
constexpr auto kVolatileStatusPeriod = 30s;
constexpr auto kSecretReapplyPeriod = 30s;

std::string join(const render::FieldProblems& problems) {
  std::string text;
  for (const std::string& problem : problems) text += (text.empty() ? "" : "; ") + problem;
  return text;
}

}  // namespace

Look::Look(Cluster& cluster, const PodAdmin& admin, const Options& options, Memory& memory,
           std::vector<Member> fleet, kube::ObjectPtr object, const Moment& now)
    : cluster_(cluster),
      admin_(admin),
      options_(options),
      memory_(memory),
      fleet_(std::move(fleet)),
      object_(std::move(object)),
      now_(now),
      identity_(render::identity_of(*object_)),
      token_(render::admin_token(options.admin_key, identity_.uid)),
      deleting_(kube::is_deleting(*object_)) {
  auto spec = render::parse_spec(*object_);
  if (spec) {
    spec_ = std::move(*spec);
    valid_ = true;
  } else {
    stall_ = Stall{"InvalidSpec", join(spec.error())};
  }
  const auto read_status = [](const Json& json) { return json.value("status", Json::object()); };
  previous_ = memory_.status.update(object_, read_status, now.steady).value_or(Json::object());
  if (memory_.generation != kube::generation(*object_)) memory_.progressed_at = now.steady;
  memory_.generation = kube::generation(*object_);
}

tl::expected<Outcome, kube::ApiError> Look::run() {
  if (auto failure = work()) return tl::unexpected(std::move(*failure));
  if (finished_) return Outcome{};
  if (auto failure = write_status()) return tl::unexpected(std::move(*failure));
  Outcome outcome{.requeue_after = requeue_after(), .budget = {}};
  if (status_.contains("connectionBudget")) {
    outcome.budget = BudgetNumbers{.usable = integer_at(status_, "/connectionBudget/usable", 0),
                                   .granted = integer_at(status_, "/connectionBudget/granted", 0),
                                   .per_pod = integer_at(status_, "/connectionBudget/perPod", 0)};
  }
  return outcome;
}

Look::Failure Look::work() {
  if (deleting_ && !render::has_finalizer(*object_)) {
    finished_ = true;
    return std::nullopt;
  }
  if (!deleting_) {
    if (!valid_) return std::nullopt;
    if (auto failure = add_finalizer()) return failure;
    if (auto failure = apply_fixed_children()) return failure;
    if (refused_) return std::nullopt;
  }
  observe();
  bool done = false;
  for (int i = 0; i < kMaxActions; ++i) {
    if (valid_) follow_objects(memory_, spec_.sizing, last_ceiling(previous_));
    const Step& step = step_.emplace(next_step(desired(), observed()));
    done = std::holds_alternative<Done>(step.action);
    if (done || std::holds_alternative<Wait>(step.action)) break;
    if (auto failure = carry_out(step.action)) return failure;
    if (refused_) return std::nullopt;
    memory_.progressed_at = now_.steady;
  }
  if (deleting_) return done ? finish_deletion() : std::nullopt;
  if (auto failure = ensure_config_map()) return failure;
  return ensure_stateful_set();
}

Desired Look::desired() const {
  return {.request = spec_.sizing, .asked = spec_.pool, .deleting = deleting_};
}

Observed Look::observed() const {
  Observed observed;
  observed.granted = memory_.granted.view();
  if (const auto& view = memory_.workload.view()) observed.workload = view->workload;
  for (std::size_t i = 0; i < pods_.size(); ++i) {
    observed.pods.push_back({.name = pods_[i].name,
                             .ordinal = pods_[i].ordinal,
                             .started = pods_[i].started,
                             .pushed = pushed_[i],
                             .report = answers_[i].report});
  }
  observed.pods_are_live = pods_are_live_;
  observed.last_generation = integer_at(previous_, "/settingsGeneration", 0);
  observed.last_ceiling = last_ceiling(previous_);
  const Neighbourhood around = neighbourhood(memory_.member, fleet_);
  observed.facts = around.facts;
  observed.others = around.others;
  return observed;
}

void Look::observe() {
  memory_.granted.update(
      cluster_.cached(kube::resources::kConfigMaps, child(render::config_map_name(identity_.name))),
      read_config_map, now_.steady);
  memory_.workload.update(cluster_.cached(kube::resources::kStatefulSets, child(identity_.name)),
                          read_stateful_set, now_.steady);
  take_pods(cluster_.cached_pods(kube::key_of(*object_)));
}

// Keeps what pods that were known before have said, and asks the others.
void Look::take_pods(const std::vector<kube::ObjectPtr>& objects) {
  std::vector<PodView> pods;
  for (const kube::ObjectPtr& object : objects) {
    if (auto pod = read_pod(*object, identity_.name)) pods.push_back(std::move(*pod));
  }
  std::vector<PodAnswer> answers(pods.size());
  std::vector<bool> pushed(pods.size(), false);
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < pods.size(); ++i) {
    const auto before = std::find_if(pods_.begin(), pods_.end(), [&](const PodView& pod) {
      return pod.uid == pods[i].uid && pod.ip == pods[i].ip;
    });
    if (before == pods_.end()) {
      unknown.push_back(i);
    } else {
      const auto index = static_cast<std::size_t>(before - pods_.begin());
      answers[i] = std::move(answers_[index]);
      pushed[i] = pushed_[index];
    }
  }
  pods_ = std::move(pods);
  answers_ = std::move(answers);
  pushed_ = std::move(pushed);
  ask(unknown);
}

void Look::ask(const std::vector<std::size_t>& indices) {
  std::vector<PodAnswer> answers = admin_.ask(pods_, indices, token_);
  for (std::size_t i = 0; i < indices.size(); ++i) answers_[indices[i]] = std::move(answers[i]);
  learn_facts();
  reapply_token_if_wanted();
}

void Look::learn_facts() {
  if (!valid_) return;
  const std::string hash = render::postgres_hash(spec_);
  bool all_moved = !pods_.empty();
  for (std::size_t i = 0; i < pods_.size(); ++i) {
    const bool moved = pods_[i].postgres_hash == hash;
    all_moved &= moved;
    const auto& facts = answers_[i].facts;
    if (!moved || !facts || !facts->facts) continue;
    follow_facts(memory_, {.facts = *facts->facts,
                           .as_of = std::chrono::floor<std::chrono::milliseconds>(
                                        now_.wall - std::chrono::seconds(facts->facts_age_seconds))
                                        .time_since_epoch()
                                        .count()});
  }
  if (all_moved) memory_.member.leaving.clear();
}

// The Secret cannot be watched. A pod that refuses the token or does not come up may be for want of it.
void Look::reapply_token_if_wanted() {
  if (deleting_) return;
  bool wanted = false;
  for (std::size_t i = 0; i < pods_.size(); ++i) {
    wanted |= answers_[i].unauthorized || (pods_[i].started && !answers_[i].report);
  }
  if (memory_.secret_applied_at == std::chrono::steady_clock::time_point{})
    memory_.secret_applied_at = now_.steady;
  if (!wanted || now_.steady - memory_.secret_applied_at < kSecretReapplyPeriod) return;
  const std::string name = render::admin_secret_name(identity_.name);
  memory_.children.forget(kube::resources::kSecrets, name);
  memory_.secret_applied_at = now_.steady;
  const auto applied = memory_.children.ensure_unread(cluster_, kube::resources::kSecrets,
                                                      render::admin_secret(identity_, token_));
  if (!applied)
    log::warn("could not write the admin token", {{"secret", name}, {"detail", applied.error().to_string()}});
}

Look::Failure Look::write_status() {
  StatusInput input;
  input.name = identity_.name;
  input.generation = kube::generation(*object_);
  input.now = now_.wall;
  input.previous = previous_;
  input.stall = stall_;
  if (step_ && valid_) {
    Seen& seen = input.seen.emplace();
    seen.spec = spec_;
    seen.deleting = deleting_;
    seen.step = *step_;
    seen.granted = memory_.granted.view().value_or(Granted{});
    seen.workload = memory_.workload.view().value_or(WorkloadView{}).workload;
    seen.pods = pods_;
    seen.answers = answers_;
    seen.facts = memory_.member.facts;
  }
  status_ = build_status(input);

  const Difference changed = difference(previous_, status_);
  const bool due = now_.steady - memory_.status_written_at >= kVolatileStatusPeriod;
  if (changed == Difference::kNone || (changed == Difference::kVolatileOnly && !due)) return std::nullopt;
  const auto stored = cluster_.apply_status(
      {{"metadata", {{"name", identity_.name}, {"namespace", identity_.name_space}, {"uid", identity_.uid}}},
       {"status", status_}});
  if (!stored) return stored.error();
  memory_.status.written(status_, *stored, now_.steady);
  memory_.status_written_at = now_.steady;
  if (changed == Difference::kReal) memory_.progressed_at = now_.steady;
  for (kube::Event event : transition_events(previous_, status_)) {
    event.regarding = kube::reference_to(*object_);
    cluster_.record(event);
  }
  return std::nullopt;
}

std::chrono::milliseconds Look::requeue_after() const {
  const auto is = [&](const char* type, const char* status) {
    return text_at(find_condition(status_, type), "/status") == status;
  };
  if (!step_ || is(kReady, "True")) return options_.resync;
  if (is(kPostgresReachable, "False")) return std::min<std::chrono::milliseconds>(kWaiting, options_.resync);
  if (is(kStalled, "True")) return options_.resync;
  const bool recent = now_.steady - memory_.progressed_at < kProgressPeriod;
  return std::min<std::chrono::milliseconds>(recent ? kProgressing : kWaiting, options_.resync);
}

}  // namespace storagepool::reconcile
