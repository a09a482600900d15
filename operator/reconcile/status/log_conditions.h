// The conditions of the log that proves events.
#pragma once

#include <vector>

#include "operator/reconcile/status/build_status.h"

namespace storagepool::reconcile {

// Each where it is, or was, True, without their times. Events are stored whatever they say.
void add_log_conditions(const StatusInput& input, const Seen& seen, std::vector<Condition>& conditions);

}  // namespace storagepool::reconcile
