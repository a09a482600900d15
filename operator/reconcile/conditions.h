// The conditions of a StoragePool (Kubernetes API conventions, "Typical status properties"; kstatus).
#pragma once

#include "operator/reconcile/status.h"

namespace storagepool::reconcile {

inline constexpr const char* kReady = "Ready";
inline constexpr const char* kReconciling = "Reconciling";
inline constexpr const char* kStalled = "Stalled";
inline constexpr const char* kBudgetExceeded = "BudgetExceeded";
inline constexpr const char* kRolloutBlocked = "RolloutBlockedByConnections";
inline constexpr const char* kPostgresReachable = "PostgresReachable";

// All six, in that order; lastTransitionTime is kept from `input.previous` where the status has not changed.
Json build_conditions(const StatusInput& input);

// One of a status's conditions; null when it is not there.
const Json& find_condition(const Json& status, const char* type);

}  // namespace storagepool::reconcile
