// The conditions of a StoragePool. They follow kstatus: Ready, and Reconciling and Stalled that are True only
// while work goes on or cannot go on.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "operator/reconcile/status/build_status.h"

namespace storagepool::reconcile {

inline constexpr const char* kReady = "Ready";
inline constexpr const char* kReconciling = "Reconciling";
inline constexpr const char* kStalled = "Stalled";
inline constexpr const char* kBudgetExceeded = "BudgetExceeded";
inline constexpr const char* kRolloutBlocked = "RolloutBlockedByConnections";
inline constexpr const char* kPostgresReachable = "PostgresReachable";
inline constexpr const char* kJournalNotDurable = "JournalNotDurable";
inline constexpr const char* kPodsFailing = "PodsFailing";
inline constexpr const char* kAuthenticationOff = "AuthenticationOff";
inline constexpr const char* kReserveTooSmall = "ReserveTooSmall";
inline constexpr const char* kAwaitingTurn = "AwaitingTurn";
inline constexpr const char* kLogTampered = "LogTampered";
inline constexpr const char* kLogKeyUnusable = "LogKeyUnusable";
inline constexpr const char* kLogUnwitnessed = "LogUnwitnessed";

// Quotas are counted anew some seconds after a pod has gone, and a registry may be away for a moment: so long
// what time does not mend keeps pods from starting before it is Stalled.
inline constexpr std::chrono::seconds kTimeToMend{30};

// The reason of Ready and Reconciling while spec.paused is true.
inline constexpr const char* kPaused = "Paused";
// The reason while a request to the API server fails that may succeed later.
inline constexpr const char* kRequestFailed = "RequestFailed";
// The reason of AwaitingTurn while one that is rolled out before does not come back.
inline constexpr const char* kRolloutStopped = "RolloutStopped";
// A reason of the first and of PostgresReachable.
inline constexpr const char* kAdminPortUnreachable = "AdminPortUnreachable";

// All but the last four, in that order, and each of those where it is, or was, True; or the first three
// where nothing was seen. The time of the last transition is kept from `input.previous` where the status has
// not changed.
std::vector<Condition> build_conditions(const StatusInput& input);

// A condition that is not as it should be, without its message, as metrics have it.
struct Complaint {
  std::string type;
  std::string status;
  std::string reason;
  friend bool operator==(const Complaint&, const Complaint&) = default;
};

// Of all but Reconciling: that work goes on is no complaint.
std::vector<Complaint> complaints_of(const std::vector<Condition>& conditions);

}  // namespace storagepool::reconcile
