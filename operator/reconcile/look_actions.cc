// The writes of a Look.
#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <openssl/rand.h>

#include "operator/kube/object.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/step/leaving.h"
#include "operator/reconcile/look.h"
#include "operator/render/render.h"
#include "pool/common/runtime/check.h"
#include "pool/common/runtime/log.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::reconcile {
namespace {

// So long requests may fail before the StoragePool says so.
constexpr std::chrono::seconds kBlip{1};

// A request that found no end may have been carried out, or be so yet. A conflict may be with itself, when it
// was sent again.
bool may_have_been_done(const kube::ApiError& error) {
  if (error.reason == kNameTaken) return false;
  return error.status == 0 || error.status == 409 || error.status >= 500;
}

// The numbers alone, with the template as it is.
Json numbers_patch(const Scale& numbers, std::uint64_t version) {
  return {{"metadata",
           {{"resourceVersion", std::to_string(version)},
            {"annotations",
             {{render::kPeakPodsAnnotation, std::to_string(numbers.peak_pods)},
              {render::kEmptiedAnnotation, render::format_ordinals(numbers.emptied)}}}}},
          {"spec", {{"replicas", numbers.replicas}}}};
}

std::string new_log_key(const std::string& origin) {
  std::array<unsigned char, tlog::kSeedBytes> seed{};
  if (RAND_bytes(seed.data(), seed.size()) != 1)
    throw std::runtime_error("no random numbers to make a key from");
  const std::string_view bytes(reinterpret_cast<const char*>(seed.data()), seed.size());
  const auto key = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, origin, bytes);
  STORAGEPOOL_INVARIANT(key, "no key of a log can be made", {"characters", origin.size()});
  return key->private_text();
}

Json held_patch(const Scale& numbers, std::uint64_t version) {
  Json patch = numbers_patch(numbers, version);
  patch["spec"]["updateStrategy"] = {{"rollingUpdate", {{"partition", numbers.partition}}}};
  return patch;
}

}  // namespace

// What the API server refuses for good, or what is somebody else's, stalls this StoragePool until somebody
// changes something; all else is tried again soon.
Look::Failure Look::refused_or(const kube::ApiError& error, const std::string& what) {
  if (error.reason == kNameTaken) {
    refused_ = true;
    stall_ = Reason{std::string(kNameTaken), error.message};
    return std::nullopt;
  }
  const bool forbidden = error.status == 403;  // not 401: a token may just have expired
  const bool no_address = error.status == 500 && error.message.find("range is full") != std::string::npos;
  if (!error.is_invalid() && !forbidden && !no_address && error.status != 400) {
    kube::ApiError passing = error;
    passing.message = what + ": " + error.message;
    return passing;
  }
  refused_ = true;
  stall_ = Reason{forbidden ? "ApplyForbidden" : "ApplyRejected", what + ": " + cluster_words(error.message)};
  log::warn("an object was refused", {{"object", what}, {"detail", error.to_string()}});
  return std::nullopt;
}

// What may pass goes unnoticed when it does so at once. A conflict says that something newer than the cache
// is there: nothing for people.
bool Look::is_worth_telling(const kube::ApiError& failure) {
  if (failure.is_conflict() || failure.is_cancelled()) return false;
  if (!memory_.failing_since) memory_.failing_since = now_.steady;
  if (now_.steady - *memory_.failing_since < kBlip) return false;
  failure_ = Reason{kRequestFailed, cluster_words(failure.message)};
  return true;
}

// What is asked for on the way is a help: without it the look goes on.
std::optional<Trouble> Look::find_trouble() {
  if (deleting_) return std::nullopt;
  const auto& workload = memory_.workload.view();
  const auto suspect = find_suspect(identity_.name, workload, pods_);
  if (memory_.inquiry.is_due(suspect, now_.steady)) {
    const auto events = cluster_.list_events(identity_.name_space, suspect->kind, suspect->uid);
    if (events) {
      memory_.inquiry.answered(*events);
    } else {
      log::warn("events cannot be listed", {{"detail", events.error().to_string()}});
    }
  }
  const std::int64_t replicas = workload ? workload->workload.replicas : 0;
  auto worst = worst_trouble(pods_, replicas, memory_.inquiry.trouble(), now_.wall);
  const bool told = has_condition(previous_, kPodsFailing, Truth::kTrue);
  return memory_.scheduler.weigh(std::move(worst), told, now_.steady);
}

// Fails with 409 when the StoragePool is not as it was read.
Cluster::Result<Json> Look::set_finalizers(const std::vector<std::string>& finalizers) {
  const Json patch{{"metadata",
                    {{"finalizers", finalizers},
                     {"resourceVersion", kube::metadata_string(*object_, "resourceVersion")}}}};
  return cluster_.merge_patch(kube::resources::kStoragePools, kube::key_of(*object_), patch);
}

Look::Failure Look::add_finalizer() {
  if (render::has_finalizer(*object_)) return std::nullopt;
  std::vector<std::string> finalizers = kube::finalizers(*object_);
  finalizers.emplace_back(render::kFinalizer);
  const auto patched = set_finalizers(finalizers);
  if (!patched) return refused_or(patched.error(), "StoragePool " + identity_.name);
  object_ = std::make_shared<const Json>(*patched);
  return std::nullopt;
}

Look::Failure Look::finish_deletion() {
  report_kept_volumes();
  memory_.may_be_made_until = in_doubt_until(memory_);  // before anything of it can be gone
  std::vector<std::string> finalizers = kube::finalizers(*object_);
  std::erase(finalizers, render::kFinalizer);
  const auto patched = set_finalizers(finalizers);
  if (!patched && !patched.error().is_not_found())
    return refused_or(patched.error(), "StoragePool " + identity_.name);
  finished_ = true;
  log::info("drained and released");
  return std::nullopt;
}

// Whoever deleted the StoragePool is told where the events are that PostgreSQL does not have.
void Look::report_kept_volumes() {
  std::string names;
  for (const ClaimView& claim : claims_) names += (names.empty() ? "" : ", ") + claim.name;
  if (names.empty()) return;
  log::warn("volumes with events are kept", {{"claims", names}});
  cluster_.record({.regarding = kube::reference_to(*object_),
                   .type = kube::EventType::kWarning,
                   .reason = "VolumesKept",
                   .action = "Delete",
                   .note = "events that PostgreSQL has not taken are, or may be, on the claims " + names +
                           "; a StoragePool with this name stores them"});
}

// Before there is a pod that mounts it, unless the user has one. One that is there already is left as it is,
// whoever made it. Whoever takes the annotation away has one made again where there is none.
Look::Failure Look::make_log_key() {
  const auto& workload = memory_.workload.view();
  if (workload && workload->has_log_key) memory_.log_key_made = false;
  if (memory_.log_key_made || (workload && workload->has_log_key)) return std::nullopt;
  if (!spec_.log_key_secret.empty()) return std::nullopt;
  const auto made =
      cluster_.create_secret(render::log_key(identity_, new_log_key(render::log_origin(identity_))));
  if (!made && !made.error().is_already_exists())
    return refused_or(made.error(), "Secret " + render::log_key_name(identity_.name));
  memory_.log_key_made = true;
  return std::nullopt;
}

Look::Failure Look::apply_fixed_children() {
  const std::pair<const kube::ResourceType&, Json> objects[] = {
      {kube::resources::kServiceAccounts, render::service_account(identity_)},
      {kube::resources::kServices, render::service(identity_, spec_)},
      {kube::resources::kServices, render::pods_service(identity_)}};
  for (const auto& [type, object] : objects) {
    const auto done = memory_.children.ensure(cluster_, type, object);
    if (!done) return refused_or(done.error(), std::string(type.kind) + " " + kube::key_of(object).name);
    if (refused_) return std::nullopt;
  }
  return std::nullopt;
}

// A pod that is evicted takes its journal along, unless that is on a volume.
Look::Failure Look::ensure_disruption_budget() {
  const auto& workload = memory_.workload.view();
  const bool volumes = workload ? workload->workload.volumes : render::wants_volumes(spec_);
  const bool evictions = volumes || filled_journals(desired(), observed()).empty();
  const Json object = render::pod_disruption_budget(identity_, evictions);
  const auto done = memory_.children.ensure(cluster_, kube::resources::kPodDisruptionBudgets, object);
  if (!done) return refused_or(done.error(), "PodDisruptionBudget " + identity_.name);
  return std::nullopt;
}

// What is under way stays as it is; that a filled journal is not evicted goes on being seen to.
Look::Failure Look::rest() {
  observe();
  put_account();
  step_.emplace(next_step(desired(), observed()));
  const auto& workload = memory_.workload.view();
  const bool at_risk = workload && !workload->workload.volumes;
  return at_risk ? ensure_disruption_budget() : std::nullopt;
}

Look::Failure Look::carry_out(const Action& action) {
  if (const auto* write = std::get_if<WriteGrant>(&action)) return write_grant(*write);
  if (const auto* send = std::get_if<Push>(&action)) {
    push(*send);
    return std::nullopt;
  }
  if (const auto* send = std::get_if<Tell>(&action)) {
    tell(*send);
    return std::nullopt;
  }
  if (const auto* resize = std::get_if<Scale>(&action)) return scale(*resize);
  if (const auto* unused = std::get_if<DeleteClaims>(&action)) return delete_claims(*unused);
  return list_pods();
}

bool Look::raise(std::int64_t peak_pods, std::int64_t ceiling) {
  const Holding held = holding(objects());
  const bool raised = ledger_.raise(identity_.uid, std::max(peak_pods, held.existing.peak_pods),
                                    std::max(ceiling, held.ceiling), now_.steady);
  overtaken_ = !raised;
  return raised;
}

Look::Failure Look::write_grant(const WriteGrant& action) {
  const Granted& granted = action.granted;
  overtaken_ = !claim_servers(granted);
  if (overtaken_ || !raise(0, granted.ceiling)) return std::nullopt;
  const Json object = config_map(granted);
  const std::uint64_t version = memory_.config.version();
  const auto stored = memory_.children.write(cluster_, kube::resources::kConfigMaps, object, version);
  if (!stored) {
    if (may_have_been_done(stored.error()))
      put_in_doubt(memory_.ceiling_in_doubt, {version, granted.ceiling, now_.steady});
    return refused_or(stored.error(), "ConfigMap " + render::config_map_name(identity_.name));
  }
  see_objects(memory_, cluster_, identity_, now_.steady);
  follow_servers(memory_, subject(), previous_, now_.steady);
  memory_.ceiling_in_doubt.reset();
  pods_listed_.reset();
  log::info("settings granted", {{"generation", granted.generation},
                                 {"maxOpenConns", granted.settings.max_open_conns},
                                 {"ceiling", granted.ceiling}});
  return std::nullopt;
}

void Look::push(const Push& action) {
  const Granted granted = memory_.config.view().value_or(ConfigView{}).granted;
  const settings::SettingsChange change{.generation = granted.generation,
                                        .settings = settings::to_given(granted.settings)};
  for (const std::size_t index : action.pods) pods_[index].settings = change;
}

void Look::tell(const Tell& action) {
  for (const std::size_t index : action.pods) {
    pods_[index].leaving = action.leaving;
    log::info(action.leaving ? "a pod is told to leave" : "a pod is told to stay",
              {{"pod", pods_[index].view.name}});
  }
}

Look::Failure Look::delete_claims(const DeleteClaims& action) {
  for (const std::int64_t ordinal : action.ordinals) {
    const auto claim = std::find_if(claims_.begin(), claims_.end(),
                                    [&](const ClaimView& known) { return known.ordinal == ordinal; });
    if (claim == claims_.end()) continue;
    const auto removed =
        cluster_.remove(kube::resources::kPersistentVolumeClaims, child(claim->name), claim->uid);
    const bool gone = !removed && (removed.error().is_not_found() || removed.error().status == 409);
    if (!removed && !gone) return refused_or(removed.error(), "PersistentVolumeClaim " + claim->name);
    log::info("the volume of a pod that left with an empty journal is released", {{"claim", claim->name}});
    claims_.erase(claim);
  }
  return std::nullopt;
}

Look::Failure Look::scale(const Scale& action) {
  if (!raise(action.peak_pods, 0)) return std::nullopt;
  const kube::ObjectKey key = child(identity_.name);
  const std::uint64_t version = memory_.workload.version();
  Cluster::Result<Json> stored = tl::unexpected(kube::ApiError{});
  if (deleting_) {
    // Enough to drain, even where the spec is no longer one that could be rendered.
    stored = cluster_.merge_patch(kube::resources::kStatefulSets, key, numbers_patch(action, version));
  } else {
    // A new pod reads the ConfigMap: it has to be right before there is one.
    if (auto failure = ensure_config_map()) return failure;
    if (refused_) return std::nullopt;
    auto object = stateful_set(action);
    stored = object ? memory_.children.write(cluster_, kube::resources::kStatefulSets, *object, version)
                    : cluster_.merge_patch(kube::resources::kStatefulSets, key, held_patch(action, version));
  }
  if (!stored) {
    if (may_have_been_done(stored.error()))
      put_in_doubt(memory_.peak_in_doubt, {version, action.peak_pods, now_.steady});
    return refused_or(stored.error(), "StatefulSet " + identity_.name);
  }
  see_objects(memory_, cluster_, identity_, now_.steady);
  memory_.peak_in_doubt.reset();
  pods_listed_.reset();
  log::info("scaled",
            {{"replicas", action.replicas}, {"partition", action.partition}, {"peakPods", action.peak_pods}});
  return std::nullopt;
}

Look::Failure Look::list_pods() {
  auto listed = cluster_.list_pods(kube::key_of(*object_));
  if (!listed) return refused_or(listed.error(), "the list of the pods");
  std::vector<PodView> views;
  for (const Json& pod : listed->pods) {
    if (auto view = read_pod(pod, identity_.name)) views.push_back(std::move(*view));
  }
  pods_listed_ = listed->answered;
  take_pods(std::move(views));
  // After a deletion nobody comes back for a claim that no cache has shown yet.
  return deleting_ ? list_claims() : std::nullopt;
}

Look::Failure Look::list_claims() {
  const auto listed = cluster_.list_claims(kube::key_of(*object_));
  if (!listed) return refused_or(listed.error(), "the list of the claims");
  claims_.clear();
  for (const Json& object : *listed) {
    if (auto claim = read_claim(object, identity_.name)) claims_.push_back(std::move(*claim));
  }
  return std::nullopt;
}

Look::Failure Look::ensure_config_map() {
  const auto known = objects().granted;
  if (!known) return std::nullopt;
  if (memory_.ceiling_in_doubt) return write_grant({*known});
  const Json object = config_map(*known);
  const auto written =
      memory_.children.ensure(cluster_, kube::resources::kConfigMaps, object, memory_.config.version());
  if (!written) return refused_or(written.error(), "ConfigMap " + render::config_map_name(identity_.name));
  if (*written) see_objects(memory_, cluster_, identity_, now_.steady);
  return std::nullopt;
}

// Nothing: the template that is rendered waits for its turn.
std::optional<Json> Look::stateful_set(const Scale& numbers) {
  const auto& live = memory_.workload.view();
  Json object = render::stateful_set(identity_, spec_,
                                     {.replicas = numbers.replicas,
                                      .peak_pods = numbers.peak_pods,
                                      .default_image = options_.default_image,
                                      .volumes = live ? live->workload.volumes : render::wants_volumes(spec_),
                                      .partition = numbers.partition,
                                      .live_template = live ? live->pod_template : "",
                                      .emptied = numbers.emptied});
  Json& annotations = object["metadata"]["annotations"];
  const std::string rendered = annotations[std::string(render::kTemplateAnnotation)];
  const std::string named = rollout(rendered);
  if (!held_.empty()) return std::nullopt;
  if (!named.empty()) annotations[std::string(render::kRolloutAnnotation)] = named;
  return object;
}

Look::Failure Look::ensure_stateful_set() {
  const auto known = objects().workload;
  if (refused_ || !known) return std::nullopt;
  const Scale numbers{.replicas = known->replicas,
                      .peak_pods = known->peak_pods,
                      .partition = known->partition,
                      .emptied = known->emptied};
  if (memory_.peak_in_doubt) return scale(numbers);
  const auto object = stateful_set(numbers);
  if (!object) return await_turn();
  const auto written =
      memory_.children.ensure(cluster_, kube::resources::kStatefulSets, *object, memory_.workload.version());
  if (!written) return refused_or(written.error(), "StatefulSet " + identity_.name);
  if (*written) see_objects(memory_, cluster_, identity_, now_.steady);
  return std::nullopt;
}

}  // namespace storagepool::reconcile
