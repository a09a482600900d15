// What of a Look is about pods that are replaced because a newer operator makes other ones (turns.h).
#include <algorithm>
#include <chrono>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/look.h"
#include "operator/render/render.h"
#include "pool/common/runtime/log.h"

namespace storagepool::reconcile {
namespace {

// So long the pods of a StoragePool may take to be replaced before those that wait name it.
constexpr std::chrono::minutes kSlow{1};

std::string named(const std::string& rendered, bool was_ready) {
  return was_ready ? rendered : rendered + std::string(render::kWasNotReady);
}

}  // namespace

// What render::kRolloutAnnotation is to be beside the template that is rendered, or, with held_ set, that
// this is not to be written.
std::string Look::rollout(const std::string& rendered) {
  held_.clear();
  const auto& live = memory_.workload.view();
  if (!live || live->pod_template.empty()) return "";
  const bool rolls = live->rollout == live->pod_template && !has_come_back();
  const bool was_ready = place(rolls ? Turns::Stage::kRolls : Turns::Stage::kWaits).ready;
  if (live->pod_template == rendered) return rolls ? named(rendered, was_ready) : "";
  // What it waited for, or has not come back with, comes along.
  const bool waited = !live->rollout.empty() && live->rollout != live->pod_template;
  if (is_asked_for(rendered)) return rolls || waited ? named(rendered, was_ready) : "";
  if (turns_.take(identity_.uid, place(Turns::Stage::kWaits), now_.steady)) return named(rendered, was_ready);
  held_ = rendered;
  return "";
}

// By the user: the spec has changed since it was acted upon last, and with it the pods. (Where the operator
// was replaced in between, what that changes comes along.)
bool Look::is_asked_for(const std::string& rendered) {
  const bool changed = kube::generation(*object_) != previous_.observed_generation;
  if (changed && memory_.workload.view()->rollout != rendered) memory_.own_template = rendered;
  return memory_.own_template == rendered;
}

bool Look::pods_are_back() const {
  const auto& live = memory_.workload.view();
  if (!live || !live->workload.settled) return false;
  const auto back = std::count_if(pods_.begin(), pods_.end(), [&](const PodState& pod) {
    const PodView& view = pod.view;
    return view.ordinal < live->workload.replicas && view.ready && !view.terminating &&
           is_current(view, live->workload) == true;
  });
  return back == live->workload.replicas;
}

// And is Ready, as the look before has found, if it was before.
bool Look::has_come_back() const {
  const auto& live = memory_.workload.view();
  return live && live->rollout == live->pod_template && pods_are_back() &&
         (!live->was_ready || has_condition(previous_, kReady, Truth::kTrue));
}

// Known to whoever operates next.
Look::Failure Look::await_turn() {
  if (memory_.workload.view()->rollout == held_) return std::nullopt;
  const Json patch{{"metadata",
                    {{"resourceVersion", std::to_string(memory_.workload.version())},
                     {"annotations", {{render::kRolloutAnnotation, held_}}}}}};
  const auto stored = cluster_.merge_patch(kube::resources::kStatefulSets, child(identity_.name), patch);
  if (!stored) return refused_or(stored.error(), "StatefulSet " + identity_.name);
  see_objects(memory_, cluster_, identity_, now_.steady);
  log::info("its pods wait for their turn", {{"storagepool", kube::key_of(*object_).to_string()}});
  return std::nullopt;
}

Turns::Place Look::place(Turns::Stage stage) const {
  const auto& live = memory_.workload.view();
  const bool ready = stage == Turns::Stage::kRolls && live ? live->was_ready
                                                           : has_condition(previous_, kReady, Truth::kTrue);
  return {.key = kube::key_of(*object_), .stage = stage, .ready = ready};
}

// After the status is written. One whose pods were found to be back is looked at once more, and has then had
// its turn; one that is paused or deleted is not waited for.
void Look::follow_turn() {
  const auto& live = memory_.workload.view();
  const bool acts = !deleting_ && !is_paused();
  const bool rolls =
      acts && live && !live->rollout.empty() && live->rollout == live->pod_template && !has_come_back();
  Turns::Stage stage = rolls ? Turns::Stage::kRolls : Turns::Stage::kNone;
  if (!held_.empty()) stage = Turns::Stage::kWaits;
  if (rolls && pods_are_back() && has_condition(status_, kReady, Truth::kTrue)) cut_short_ = true;
  turns_.put(identity_.uid, place(stage), now_.steady);
}

std::optional<Reason> Look::awaits_turn() const {
  if (held_.empty()) return std::nullopt;
  const std::string others =
      "this operator makes other pods than the one before, and StoragePools are rolled out one after the "
      "other";
  const auto ahead = turns_.ahead_of(identity_.uid, now_.steady);
  if (!ahead || now_.steady - ahead->since < kSlow)
    return Reason{"OthersFirst", others + "; until its turn comes, the pods stay as they are"};
  return Reason{kRolloutStopped, others + ": they wait for " + ahead->key.to_string() +
                                     " to be Ready again, and stay as they are until then"};
}

}  // namespace storagepool::reconcile
