// A StoragePool as the API server stores it, read into a struct and checked again: the CRD's own rules refuse
// bad input at apply, but they can be bypassed (an older CRD, a direct write), and nothing that gets past
// them may crash the operator or reach a pod. Every problem names its field, the value and what is allowed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "operator/sizing/sizing.h"
#include "pool/common/settings/config_file.h"
#include "pool/common/settings/event_indexes.h"
#include "pool/common/settings/min_days.h"
#include "pool/common/settings/service_limits.h"
#include "pool/common/settings/settings.h"

namespace storagepool::render {

using Json = nlohmann::json;

inline constexpr std::string_view kFinalizer = "storagepool.dev/drain";
// Set by a person: pods whose events may be lost, as "audit-1,audit-2", or "*".
inline constexpr std::string_view kGiveUpAnnotation = "storagepool.dev/give-up-events";

struct Identity {
  std::string name_space;
  std::string name;
  std::string uid;
};

// Service accounts, and what they may do. Namespace and name are globs.
struct ServiceAccounts {
  std::string name_space;
  std::string name;
  std::vector<std::string> scopes;                     // read, write, admin, hold, sensitive, verify, export
  std::optional<std::vector<std::string>> workspaces;  // globs, or _system; absent: everywhere
};

struct Spec {
  settings::PostgresTarget postgres;
  std::string credentials_secret;
  std::string ca_secret;  // empty unless the server's certificate is verified
  settings::Given pool;   // what is asked of each pod; resolves
  sizing::Request sizing;
  std::int64_t journal_bytes = settings::kDefaultJournalBytes;  // of each pod; 0: no journal
  bool journal_is_persistent = true;                            // on a volume that outlives the pod
  std::string storage_class;  // of that volume; empty: the cluster's default
  std::chrono::milliseconds keep_alive_timeout = settings::kDefaultKeepAliveTimeout;
  std::int64_t http_threads = -1;            // of each pod; -1: by the CPU limit
  std::string access_log = "off";            // or errors, or one in so many
  std::vector<std::string> trusted_proxies;  // networks
  settings::EventIndexes indexes;            // of events, beside those that are always there
  settings::MinDays min_days;                // that events are kept for, by category
  std::string log_key_secret;                // with the key of the log; empty: the operator makes one
  std::size_t log_witnesses = 0;             // outside ones (operator/render/log_witnesses.h)
  std::chrono::milliseconds drain_delay = settings::kDefaultDrainDelay;
  std::string auth_mode = "ServiceAccount";       // or None, Token, Paseto
  std::string auth_secret;                        // with the tokens or public keys, of Token and Paseto
  std::vector<ServiceAccounts> service_accounts;  // of ServiceAccount
  std::string auth_issuer;                        // asked of PASETO tokens; empty: of none
  std::string auth_audience;
  std::string tls_secret;                // with the certificate of the API's port; empty: clear text
  std::string client_ca_secret;          // that clients' certificates are verified with; empty: none are
  std::int64_t requests_per_second = 0;  // of one client to one pod; 0: no limit
  std::int64_t request_burst = settings::kDefaultRequestBurst;
  std::string image;  // empty: the operator's default
  std::string image_pull_policy = "IfNotPresent";
  std::string service_type = "ClusterIP";
  // Passed through as they are; null when absent.
  Json resources;
  Json node_selector;
  Json tolerations;
  Json affinity;
  Json topology_spread_constraints;
  Json service_annotations;
  Json pod_labels;
  Json pod_annotations;
};

using FieldProblems = std::vector<std::string>;

// `object` is a whole StoragePool; only its spec and name are looked at.
tl::expected<Spec, FieldProblems> parse_spec(const Json& object);

Identity identity_of(const Json& object);
bool has_finalizer(const Json& object);
std::vector<std::string> given_up_pods(const Json& object);  // kGiveUpAnnotation

}  // namespace storagepool::render
