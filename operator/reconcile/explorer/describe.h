// States and events in words, for a trace that a person reads.
#pragma once

#include <string>

#include "operator/reconcile/explorer/configuration.h"
#include "operator/reconcile/explorer/state.h"

namespace storagepool::reconcile::explorer {

// A line.
std::string describe(const Event& event, const State& before, const Configuration& configuration);
// A paragraph.
std::string describe(const State& state, const Configuration& configuration);
// The lines of the state that an event has changed.
std::string describe_change(const State& before, const State& after, const Configuration& configuration);

}  // namespace storagepool::reconcile::explorer
