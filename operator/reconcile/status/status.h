// The status of a StoragePool and its JSON. What the API server gives is read once, in `parse_status`, and
// what is written is rendered once, in `to_json`; everything that decides reads this type. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/sizing/known_facts.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::reconcile {

using kube::Json;

enum class Truth { kTrue, kFalse, kUnknown };

// Kubernetes API conventions, "Typical status properties".
struct Condition {
  std::string type;
  Truth status = Truth::kUnknown;
  std::string reason;                                    // CamelCase
  std::string message;                                   // for people
  std::optional<std::int64_t> observed_generation = {};  // metadata.generation that it speaks of
  runtime::Timestamp last_transition = {};               // when `status` last changed
  friend bool operator==(const Condition&, const Condition&) = default;
};

// What a pod last said of itself.
struct PodNumbers {
  std::int64_t applied_generation = 0;
  std::int64_t max_open_conns = 0;
  std::int64_t open = 0;
  std::int64_t in_use = 0;
  std::int64_t idle = 0;
  std::int64_t wait_count = 0;
  friend bool operator==(const PodNumbers&, const PodNumbers&) = default;
};

struct PodStatus {
  std::string name;
  bool ready = false;
  std::optional<PodNumbers> numbers = {};
  friend bool operator==(const PodStatus&, const PodStatus&) = default;
};

// What the server can give, as sizing::Budget has it.
struct ServerBudget {
  std::int64_t server_max = 0;
  std::int64_t reserved = 0;
  std::optional<std::int64_t> role_limit = {};
  std::optional<std::int64_t> database_limit = {};
  std::int64_t usable = 0;
  std::int64_t share = 0;
  std::int64_t other_pools = 0;
  std::int64_t other_workloads = 0;
  std::int64_t max_safe_replicas = 0;
  friend bool operator==(const ServerBudget&, const ServerBudget&) = default;
};

struct ConnectionBudget {
  std::int64_t peak_pods = 0;
  std::int64_t per_pod = 0;
  std::int64_t granted = 0;            // what the pods may hold together
  std::optional<ServerBudget> server;  // absent while its limits are unknown
  friend bool operator==(const ConnectionBudget&, const ConnectionBudget&) = default;
};

// What a look with a valid spec has seen of the pods and decided for them.
struct PodsStatus {
  std::int64_t replicas = 0;
  std::int64_t ready_replicas = 0;
  std::string ready;                     // "2/3": of those asked for
  std::int64_t settings_generation = 0;  // of the latest grant
  std::vector<PodStatus> pods;
  ConnectionBudget budget;
  friend bool operator==(const PodsStatus&, const PodsStatus&) = default;
};

struct FactsStatus {
  std::string target;                                  // host:port/database where they were read
  settings::ServerFacts facts;                         // after forget_moment()
  std::optional<runtime::Timestamp> observed_at = {};  // when these values were first seen, by the server
  friend bool operator==(const FactsStatus&, const FactsStatus&) = default;
};

struct WitnessStatus {
  std::string name;
  std::string state;
  std::string message;
  friend bool operator==(const WitnessStatus&, const WitnessStatus&) = default;
};

struct Status {
  std::int64_t observed_generation = 0;
  std::string selector;
  std::optional<PodsStatus> pods;
  std::optional<FactsStatus> server_facts;
  std::vector<std::string> vkeys;  // that the log of events is verified with, that of new entries first
  std::vector<WitnessStatus> log_witnesses;
  std::vector<Condition> conditions;
  friend bool operator==(const Status&, const Status&) = default;
};

// `json` is the member `status` of a StoragePool, or null. Members of others are left out, and what is absent
// or has another shape than this operator writes reads as absent: a condition without type, status or time, a
// pod without a name, numbers of a pod without its generation. Never fails.
Status parse_status(const Json& json);
Json to_json(const Status& status);

std::string_view to_string(Truth truth);  // "True"

// Null when it is not there.
const Condition* find_condition(const Status& status, std::string_view type);
bool has_condition(const Status& status, std::string_view type, Truth truth);

// What the status remembers of the server, if it is about `target` (host:port/database), as of `now`.
std::optional<sizing::KnownFacts> known_facts(const Status& status, const std::string& target,
                                              sizing::KnownFacts::Time now);

// Whether two statuses differ, and whether in more than the numbers that change by themselves (open, inUse,
// idle, waitCount).
enum class Difference { kNone, kVolatileOnly, kReal };
Difference difference(const Status& before, const Status& after);

}  // namespace storagepool::reconcile
