// How many pods a StoragePool may have and how many connections each of them may hold, from what it asks for,
// what it has, and what the Ledger (ledger.h) says of its server. Pure functions: no I/O, no clock, no state.
//
//   usable    = the least of what the server can give (max_connections - superuser_reserved_connections -
//               reserved_connections - reserve), the role's limit, the database's limit, and
//               spec.budget.maxConnections
//   share     = this StoragePool's part of it beside all others (shares.h): pods x connections
//   available = usable less what the others may hold now, and other workloads under the server's limit
//
// A limit above the share comes down to it at once. What is below it grows up to it as far as it is
// available: as the others come down to their shares, and have confirmed it.
//
// With sizeFor Maximum a share has room for as many pods as an autoscaler may ask for, so that neither its
// own pods' limits nor anybody else's shrink when they come.
//
// S1: nothing is raised above what is available. S2: the same input gives the same plan, and a plan carried
// out gives itself again. S3: never less than minConnsPerPod; what does not fit even so is not started, and
// `shortage` says so.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/settings/settings.h"

namespace storagepool::sizing {

enum class Policy {
  kFit,      // grant what fits
  kStrict,   // do not roll out what does not fit
  kObserve,  // grant what is asked, only report
};

inline constexpr std::int64_t kMaxWeight = 100;
inline constexpr std::int64_t kMaxReplicas = 1000;

// What the StoragePool's spec asks for.
struct Request {
  Policy policy = Policy::kFit;
  std::int64_t replicas = 1;
  std::int64_t max_open_conns = 25;  // per pod
  std::int64_t min_conns_per_pod = 1;
  std::int64_t reserve = 10;
  std::optional<std::int64_t> max_connections = {};  // spec.budget.maxConnections
  std::int64_t weight = 1;                           // of its share beside the others', 1 to kMaxWeight
  std::int64_t max_replicas = 0;                     // that an autoscaler may ask for; 0: there is none
  bool size_for_maximum = false;                     // spec.budget.sizeFor
  bool paused = false;                               // it neither grows nor shrinks

  // Pods that limits are sized for.
  std::int64_t sized_for() const { return size_for_maximum ? std::max(replicas, max_replicas) : replicas; }
  friend bool operator==(const Request&, const Request&) = default;
};

// What of a StoragePool exists now.
struct Existing {
  std::int64_t replicas = 0;   // of the StatefulSet
  std::int64_t peak_pods = 0;  // pods that may exist, terminating ones included
  std::int64_t limit = 0;      // granted to each pod; 0: nothing granted yet
  friend bool operator==(const Existing&, const Existing&) = default;
};

// What a StoragePool is to come to when all have come to theirs.
struct Share {
  std::int64_t pods = 0;
  std::int64_t per_pod = 0;
  std::int64_t room = 0;  // so many more pods could come with as much each, and nobody would shrink
  friend bool operator==(const Share&, const Share&) = default;
};

// The other StoragePools on the server, added up: a sum tells nobody's name.
struct Others {
  std::int64_t pools = 0;  // those that may hold connections, or are to
  std::int64_t pods = 0;   // that may exist
  std::int64_t hold = 0;   // connections that they may hold now
  // That they keep in any case: minConnsPerPod for each pod that there is room for, or all of what is fixed.
  std::int64_t least = 0;
  friend bool operator==(const Others&, const Others&) = default;
};

// Workloads on the server that are no StoragePools' and declare what they hold, added up.
struct OtherWorkloads {
  std::int64_t count = 0;
  std::int64_t pods = 0;  // that may exist; 0 also where only the next is known
  std::int64_t hold = 0;  // connections, under the server's limit alone
  friend bool operator==(const OtherWorkloads&, const OtherWorkloads&) = default;
};

// Of the server that the pods are to go to, while they serve from another.
struct Destination {
  bool known = false;          // its limits
  std::int64_t available = 0;  // connections that may be claimed there; 0 while it is not known
  Share share;  // of all that is asked once a pod was admitted there, before of one connection each
  friend bool operator==(const Destination&, const Destination&) = default;

  // How much each of so many pods may hold there: one connection, which it tries the server with, while
  // nothing is known.
  std::int64_t room(std::int64_t pods, const Request& request) const;
};

// What the Ledger says to one StoragePool.
struct Outlook {
  bool known = false;  // the server's limits; the next five are 0 or absent while they are not
  std::int64_t server_max = 0;
  std::int64_t reserved = 0;  // by the server itself, and the largest spec.postgres.reserve on it
  std::optional<std::int64_t> role_limit = {};
  std::optional<std::int64_t> database_limit = {};
  std::int64_t usable = 0;
  std::int64_t available = 0;  // up to here its claim may be raised, but for Observe
  Share share;
  // The most that fit with minConnsPerPod each, while all others keep at least theirs.
  std::int64_t max_safe_replicas = 0;
  // One pod may run with minConnsPerPod though the sum does not allow it: it is to find the server's limits
  // out, or there would be none on the server to see it grow again.
  bool lone_pod = false;
  Others others;
  OtherWorkloads workloads;
  std::optional<Destination> destination = {};
  // Pods for one connection each of which there is room on servers that they try.
  std::int64_t pods_that_may_try = INT64_MAX;
  friend bool operator==(const Outlook&, const Outlook&) = default;

  // Whether so many pods may hold so much each.
  bool admits(std::int64_t pods, std::int64_t per_pod, const Request& request) const;
};

enum class Shortage {
  kNone,
  kFactsUnknown,       // no pod has told the server's limits yet: one pod with minConnsPerPod
  kLimitsReduced,      // Fit: pods get less than asked
  kMaximumDoesNotFit,  // an autoscaler may ask for more pods than fit with minConnsPerPod each
  kMinimumDoesNotFit,  // fewer pods than asked, since minConnsPerPod each is already too much
  kStrict,             // Strict: nothing is rolled out
  kObserved,           // Observe: more is granted than the server can give
  kHeld,               // paused, with more than the server can give
};
std::string_view to_string(Shortage shortage);  // the reason of a condition, e.g. "LimitsReduced"

struct Budget {
  std::int64_t server_max = 0;
  std::int64_t reserved = 0;
  std::optional<std::int64_t> role_limit = {};
  std::optional<std::int64_t> database_limit = {};
  std::int64_t usable = 0;
  std::int64_t share = 0;  // connections of this StoragePool's pods together
  std::int64_t other_pools = 0;
  std::int64_t other_workloads = 0;
  std::int64_t max_safe_replicas = 0;
};

struct Plan {
  std::optional<Budget> budget;   // absent while the facts are unknown
  std::int64_t replicas = 0;      // to run
  std::int64_t peak_pods = 0;     // counted for per_pod
  std::int64_t per_pod = 1;       // limit to grant now
  std::int64_t share = 0;         // of all its pods together, when others have come down to theirs
  bool others_hold_more = false;  // per_pod is below the share until the others have come down to theirs
  Shortage shortage = Shortage::kNone;
  std::string message;  // one sentence with the sum, for people
};

Plan plan(const Request& request, const Outlook& outlook, const Existing& existing);

}  // namespace storagepool::sizing
