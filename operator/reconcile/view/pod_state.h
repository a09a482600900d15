// All that is known of one pod during a look.
#pragma once

#include <optional>
#include <vector>

#include "operator/pods/pods.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/reconcile/view/view.h"

namespace storagepool::reconcile {

struct PodState {
  PodView view;
  pods::Answer answer = {};
  // What this look wants of it.
  std::optional<settings::SettingsChange> settings = {};
  std::optional<bool> leaving = {};
};

// Whom to ask for the report of `pod`, which is one of `all`: without an address where it has none, or one
// that another of them has too. A cached address may have gone to another pod of the StatefulSet, which would
// answer with the same token.
pods::PodRun run_of(const PodView& pod, const std::vector<PodState>& all);

// Why the log of their database is not sealed on, or not cosigned, as the first of them tells it.
std::optional<Reason> tampered_log(const std::vector<PodState>& pods);

// How outside witnesses stand to it, as the newest answer has it; none: nothing is known of any.
const std::vector<pods::WitnessWord>& witnesses_of_log(const std::vector<PodState>& pods);
// Which of them do not cosign it, and have not for a while.
std::optional<Reason> unwitnessed_log(const std::vector<pods::WitnessWord>& witnesses);

}  // namespace storagepool::reconcile
