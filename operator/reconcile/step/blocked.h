// What pods have to say that holds growth back: they have not confirmed the grant, or PostgreSQL had no
// connection left for them. Pure.
#pragma once

#include <optional>
#include <vector>

#include "operator/reconcile/step/next_step.h"

namespace storagepool::reconcile {

// The grant is in force in the pod and its sockets are within it.
bool confirmed(const PodObserved& pod, const Granted& granted);
// Who has not, and what each lacks.
Reason not_confirmed(const std::vector<PodObserved>& pods, const Granted& granted);

// A pod for which PostgreSQL had no connection left; null: none.
const PodObserved* refusing(const std::vector<PodObserved>& pods);
std::optional<Reason> connections_refused(const std::vector<PodObserved>& pods);

}  // namespace storagepool::reconcile
