// The worlds that are explored. Each is small, and about some of what can happen: all of it at once would
// have too many states to get anywhere.
#pragma once

#include <string_view>
#include <vector>

#include "operator/reconcile/explorer/configuration.h"

namespace storagepool::reconcile::explorer {

const std::vector<Configuration>& configurations();
// Aborts when there is none.
const Configuration& configuration_named(std::string_view name);

}  // namespace storagepool::reconcile::explorer
