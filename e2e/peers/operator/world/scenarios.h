// What is measured of an operator, one after the other on the same StoragePools.
#pragma once

#include "e2e/peers/operator/world/world.h"

namespace storagepool::peers {

// By the name of the scenario: what `figures` gives, and "changes": how many seconds each user's change took
// until it was acted on.
kube::Json run_scenarios(World& world);

}  // namespace storagepool::peers
