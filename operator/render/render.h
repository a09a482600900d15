// From a StoragePool to the objects that the operator keeps for it in the same namespace, as
// server-side-apply bodies:
//
//   ServiceAccount NAME       no permissions, no token
//   ConfigMap NAME-config     config.yaml: the granted settings and their generation
//                             (pool/common/settings/config_file.h); candidate.yaml: a server to try;
//                             operator-keys: whose requests the administration ports take
//   Service NAME              the API
//   Service NAME-pods         headless, every pod under a name of its own
//   StatefulSet NAME          the pods; its controller makes a claim state-NAME-<ordinal> for each that has
//                             its journal on a volume
//   PodDisruptionBudget NAME  one pod at a time, or none
//   Secret NAME-log-key       the key of the log, made once and not read back; it has no owner, for what the
//                             database holds is proven with it, whatever becomes of the StoragePool
//
// Pure: the same input gives the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/render/storage_pool.h"
#include "pool/common/settings/settings.h"

namespace storagepool::render {

inline constexpr int kApiPort = 8080;
inline constexpr int kHealthPort = 8081;
inline constexpr int kAdminPort = 8082;
inline constexpr int kMetricsPort = 9090;

inline constexpr std::string_view kManager = "storagepool-operator";
// The highest limit that any pod may still have in force: see operator/reconcile/step/next_step.h.
inline constexpr std::string_view kCeilingAnnotation = "storagepool.dev/limit-ceiling";
// After postgres.host or port changed: the servers that some pods may still hold connections to, as
// "db.team:5432,other.team:5432".
inline constexpr std::string_view kLeavingAnnotation = "storagepool.dev/leaving-server";
// Servers that each pod may hold one connection to, to find out whether it is admitted; likewise.
inline constexpr std::string_view kTriedAnnotation = "storagepool.dev/tried-server";
// The most pods that may exist at this moment.
inline constexpr std::string_view kPeakPodsAnnotation = "storagepool.dev/peak-pods";
// Ordinals at or above the replicas whose claims hold nothing, as "3,4".
inline constexpr std::string_view kEmptiedAnnotation = "storagepool.dev/emptied-claims";
// Changes with the pod template that the operator renders.
inline constexpr std::string_view kTemplateAnnotation = "storagepool.dev/template";
// The kTemplateAnnotation of a template that a newer operator makes of the same spec: while another is in the
// StatefulSet, it waits for its turn; once it is in it, until all pods are back (operator/reconcile/turns.h),
// with kWasNotReady behind it where the StoragePool was not Ready when that began.
inline constexpr std::string_view kRolloutAnnotation = "storagepool.dev/rollout";
inline constexpr std::string_view kWasNotReady = "/not-ready";
// Of a StatefulSet whose Secret with the key of the log was made.
inline constexpr std::string_view kLogKeyAnnotation = "storagepool.dev/log-key";
// Changes with what of PostgreSQL pods are replaced for: the database, and the Secrets. Host, port and
// sslMode they take up while they run.
inline constexpr std::string_view kPostgresHashAnnotation = "storagepool.dev/postgres-hash";

std::string config_map_name(const std::string& pool);
std::string pods_service_name(const std::string& pool);
std::string log_key_name(const std::string& pool);
// Of the log in the StoragePool's own database, which its key bears as well.
std::string log_origin(const Identity& pool);
// The PersistentVolumeClaim of the pod with this ordinal.
std::string claim_name(const std::string& pool, std::int64_t ordinal);

// As kubectl's -l: all objects of all StoragePools; all others; the pods of one.
std::string managed_selector();
std::string unmanaged_selector();
std::string pod_selector(const std::string& pool);
std::string postgres_hash(const Spec& spec);

struct ConfigMapInput {
  std::int64_t generation = 0;
  settings::Settings settings;
  std::int64_t ceiling = 0;
  settings::PostgresTarget postgres;                    // where the pods are led to
  std::optional<settings::PostgresTarget> candidate{};  // that they try
  std::vector<std::string> leaving{};                   // see kLeavingAnnotation
  std::vector<std::string> tried{};                     // see kTriedAnnotation
  std::string operator_key{};                           // "k4.public.…": whose requests pods take
  std::string access{};                                 // text of access.json; empty: there is none
};
struct StatefulSetInput {
  std::int64_t replicas = 0;
  std::int64_t peak_pods = 0;
  std::string default_image;
  bool volumes = true;  // pods have claims; what a StatefulSet was made with cannot be changed
  // Without volumes: pods of this ordinal and above may be replaced by a rollout, if the StatefulSet that is
  // there has the same template as this one, by its annotation; else none may.
  std::int64_t partition = 0;
  std::string live_template{};
  std::vector<std::int64_t> emptied{};  // see kEmptiedAnnotation
};
// A partition that holds every pod back: there never are more.
inline constexpr std::int64_t kNoRollout = 1000;

// Whether a StatefulSet made now gives its pods claims: not without a journal.
bool wants_volumes(const Spec& spec);

Json service_account(const Identity& pool);
Json config_map(const Identity& pool, const ConfigMapInput& input);
// `key`: a private note key of a log.
Json log_key(const Identity& pool, const std::string& key);
Json service(const Identity& pool, const Spec& spec);
Json pods_service(const Identity& pool);
// `evictions`: one pod at a time, and any that is not ready; otherwise none at all.
Json pod_disruption_budget(const Identity& pool, bool evictions);
Json stateful_set(const Identity& pool, const Spec& spec, const StatefulSetInput& input);

// The text of kLeavingAnnotation, and back.
std::string format_servers(const std::vector<std::string>& servers);
std::vector<std::string> parse_servers(std::string_view text);
// The text of kEmptiedAnnotation, and back; what is no ordinal is left out.
std::string format_ordinals(const std::vector<std::int64_t>& ordinals);
std::vector<std::int64_t> parse_ordinals(std::string_view text);

}  // namespace storagepool::render
