// How many pods a StoragePool may have and how many connections each of them may hold, so that the sum over
// every pod of every StoragePool on a PostgreSQL server stays within what the server can give. Pure functions
// from facts to a plan: no I/O, no clock, no state.
//
//   usable    = min(max_connections - superuser_reserved_connections - reserved_connections, role limit,
//   database
//               limit) - spec.postgres.reserve, and at most spec.budget.maxConnections
//   available = usable less what other StoragePools on the server may hold now
//   per pod   = available / peak pods, at least minConnsPerPod and at most what is asked
//
// S1: per_pod * peak_pods <= available whenever the existing pods fit with minConnsPerPod each. S2: the same
// input gives the same plan, and a plan carried out gives itself again. S3: never less than minConnsPerPod;
// what does not fit even so is not started, and `shortage` says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/settings/admin_wire.h"
#include "pool/common/settings/settings.h"

namespace storagepool::sizing {

enum class Policy {
  kFit,      // grant what fits
  kStrict,   // do not roll out what does not fit
  kObserve,  // grant what is asked, only report
};

// What the StoragePool's spec asks for.
struct Request {
  Policy policy = Policy::kFit;
  std::int64_t replicas = 1;
  std::int64_t max_open_conns = 25;  // per pod
  std::int64_t min_conns_per_pod = 1;
  std::int64_t reserve = 10;
  std::optional<std::int64_t> max_connections = {};  // spec.budget.maxConnections
};

// Connections by the limit that they count against.
struct Claims {
  std::int64_t on_server = 0;
  std::int64_t of_role = 0;
  std::int64_t on_database = 0;
};

// The other StoragePools on the same server.
struct Others {
  Claims held;             // what their pods may hold now
  Claims least;            // what they would hold at minConnsPerPod each
  bool have_pods = false;  // one of them has pods, so the server's facts stay known without ours
};

// What of this StoragePool exists now.
struct Existing {
  std::int64_t replicas = 0;   // of the StatefulSet
  std::int64_t peak_pods = 0;  // pods that may exist, terminating ones included
  std::int64_t limit = 0;      // granted to each pod; 0: nothing granted yet
};

enum class Shortage {
  kNone,
  kFactsUnknown,       // no pod has told the server's limits yet: one pod with minConnsPerPod
  kLimitsReduced,      // Fit: pods get less than asked
  kMinimumDoesNotFit,  // fewer pods than asked, since minConnsPerPod each is already too much
  kStrict,             // Strict: nothing is rolled out
  kObserved,           // Observe: more is granted than the server can give
};
std::string_view to_string(Shortage shortage);  // the reason of a condition, e.g. "LimitsReduced"

struct Budget {
  std::int64_t server_max = 0;
  std::int64_t reserved = 0;  // by the server and by spec.postgres.reserve
  std::optional<std::int64_t> role_limit = {};
  std::optional<std::int64_t> database_limit = {};
  std::int64_t usable = 0;
  std::int64_t other_pools = 0;
  std::int64_t available = 0;  // to this StoragePool
  std::int64_t max_safe_replicas = 0;
};

struct Plan {
  std::optional<Budget> budget;  // absent while the facts are unknown
  std::int64_t replicas = 0;     // to run
  std::int64_t peak_pods = 0;    // counted for per_pod
  std::int64_t per_pod = 1;      // limit to grant
  Shortage shortage = Shortage::kNone;
  std::string message;  // one sentence with the sum, for people
};

Plan plan(const Request& request, const std::optional<settings::ServerFacts>& facts, const Others& others,
          const Existing& existing);

// The complete settings to put in force for a pod whose limit is `limit`: what is asked, with everything that
// depends on maxOpenConns brought within it, so that `settings::resolve` accepts the result. `asked` must
// resolve itself.
settings::Settings grant(const settings::Given& asked, std::int64_t limit);

}  // namespace storagepool::sizing
