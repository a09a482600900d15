// What pods say of the key of their log, which the operator cannot read itself. A pod is not trusted: of what
// it says words are taken, cut to a length.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/view/pod_state.h"

namespace storagepool::reconcile {

// What the log of their database is verified with, the key of new entries first. Pods take a changed Secret
// up one after the other: nothing while they say different things, or one that is ready has not said
// anything.
std::vector<std::string> verifier_keys(const std::vector<PodState>& pods);

// Why the key that is mounted is not in force, in the first of them that has none, else in the first that
// goes on under an earlier one. `secret`: where it comes from, in words.
std::optional<Reason> refused_log_key(const std::vector<PodState>& pods, const std::string& secret);

}  // namespace storagepool::reconcile
