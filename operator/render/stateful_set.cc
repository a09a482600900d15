#include <algorithm>
#include <chrono>
#include <utility>

#include "operator/render/object.h"
#include "operator/render/render.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/json/json.h"
#include "pool/common/settings/bytes.h"
#include "pool/common/settings/comma_list.h"
#include "pool/common/settings/duration.h"

namespace storagepool::render {
namespace {

constexpr int kUser = 65532;
// Secrets are readable to the pod's group only.
constexpr int kSecretMode = 0440;
// The program's own drain deadline, and what ending takes besides.
constexpr std::chrono::seconds kDrainTimeout{25};
constexpr std::chrono::seconds kEndSlack{5};
// Beside the journal: the settings in force, and what the file system takes for itself.
constexpr std::int64_t kStateRoomBytes = std::int64_t{64} << 20;

Json probe(const char* path, int period_seconds, int timeout_seconds, int failures) {
  return {{"httpGet", {{"path", path}, {"port", "health"}, {"scheme", "HTTP"}}},
          {"periodSeconds", period_seconds},
          {"timeoutSeconds", timeout_seconds},
          {"failureThreshold", failures}};
}

Json ports() {
  Json list = Json::array();
  for (const auto& [name, port] : {std::pair{"http", kApiPort}, std::pair{"health", kHealthPort},
                                   std::pair{"admin", kAdminPort}, std::pair{"metrics", kMetricsPort}}) {
    list.push_back({{"name", name}, {"containerPort", port}, {"protocol", "TCP"}});
  }
  return list;
}

Json environment_of_pod(const char* name, const char* field) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", field}}}}}};
}

Json secret_volume(const char* name, const std::string& secret) {
  return {{"name", name},
          {"secret", {{"secretName", secret}, {"optional", true}, {"defaultMode", kSecretMode}}}};
}

Json ca_volume(const char* name, const std::string& secret) {
  Json volume = secret_volume(name, secret);
  volume["secret"]["items"] = Json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}});
  return volume;
}

// Room for two journals: one that is found damaged is kept beside the new one.
std::string state_size(const Spec& spec) {
  return settings::format_bytes(2 * spec.journal_bytes + kStateRoomBytes);
}

// The kubelet evicts a pod whose volume is above its limit, and what the journal holds goes with it. No limit
// at the default size, see add_service.
Json state_directory(const Spec& spec) {
  Json directory = Json::object();
  if (spec.journal_bytes != settings::kDefaultJournalBytes) directory["sizeLimit"] = state_size(spec);
  return directory;
}

// Without an owner: a claim outlives its pod, its StatefulSet and its StoragePool, and the operator removes
// it when its journal is known to be empty.
Json claim_template(const Identity& pool, const Spec& spec) {
  Json claim{{"metadata", {{"name", kStateVolume}, {"labels", pod_labels(pool.name)}}},
             {"spec",
              {{"accessModes", Json::array({"ReadWriteOnce"})},
               {"resources", {{"requests", {{"storage", state_size(spec)}}}}}}}};
  if (!spec.storage_class.empty()) claim["spec"]["storageClassName"] = spec.storage_class;
  return claim;
}

// The Secrets of the user are optional: a pod that lacks one says so, one that waits for a mount says
// nothing. Those for authentication are mounted whole, so that a changed Secret reaches the running pod.
Json volumes(const Identity& pool, const Spec& spec, bool claims) {
  Json list = Json::array({{{"name", "config"}, {"configMap", {{"name", config_map_name(pool.name)}}}},
                           secret_volume("credentials", spec.credentials_secret),
                           secret_volume("log-key", spec.log_key_secret.empty() ? log_key_name(pool.name)
                                                                                : spec.log_key_secret)});
  if (!claims) list.push_back({{"name", kStateVolume}, {"emptyDir", state_directory(spec)}});
  if (!spec.ca_secret.empty()) list.push_back(ca_volume("ca", spec.ca_secret));
  if (!spec.tls_secret.empty()) list.push_back(secret_volume("tls", spec.tls_secret));
  if (!spec.client_ca_secret.empty()) list.push_back(ca_volume("client-ca", spec.client_ca_secret));
  if (!spec.auth_secret.empty()) list.push_back(secret_volume("auth", spec.auth_secret));
  return list;
}

// What is at its default is left out: so pods are not replaced just because a newer operator knows more
// fields.
void add_service(const Spec& spec, Json& arguments, Json& mounts) {
  const auto add = [&](const char* flag, const std::string& value) {
    arguments.push_back(std::string(flag) + "=" + value);
  };
  if (spec.auth_mode != "None") add("--auth-mode", spec.auth_mode);
  if (!spec.auth_issuer.empty()) add("--auth-issuer", spec.auth_issuer);
  if (!spec.auth_audience.empty()) add("--auth-audience", spec.auth_audience);
  if (!spec.auth_secret.empty()) {
    add("--auth-dir", "/etc/storagepool/auth");
    mounts.push_back({{"name", "auth"}, {"mountPath", "/etc/storagepool/auth"}, {"readOnly", true}});
  }
  if (!spec.tls_secret.empty()) {
    add("--tls-dir", "/etc/storagepool/tls");
    mounts.push_back({{"name", "tls"}, {"mountPath", "/etc/storagepool/tls"}, {"readOnly", true}});
  }
  if (!spec.client_ca_secret.empty()) {
    add("--tls-client-ca", "/etc/storagepool/client-ca/ca.crt");
    mounts.push_back(
        {{"name", "client-ca"}, {"mountPath", "/etc/storagepool/client-ca"}, {"readOnly", true}});
  }
  if (spec.journal_bytes != settings::kDefaultJournalBytes) {
    add("--journal-max-bytes", settings::format_bytes(spec.journal_bytes));
  }
  if (spec.keep_alive_timeout != settings::kDefaultKeepAliveTimeout) {
    add("--keep-alive-timeout", settings::format_duration(spec.keep_alive_timeout));
  }
  if (spec.http_threads >= 0) add("--http-threads", std::to_string(spec.http_threads));
  if (spec.access_log != "off") add("--access-log", spec.access_log);
  if (!spec.trusted_proxies.empty())
    add("--trusted-proxies", settings::join_with_commas(spec.trusted_proxies));
  if (!spec.indexes.empty()) add("--indexes", settings::format_event_indexes(spec.indexes));
  if (!spec.min_days.empty()) add("--retention-min-days", settings::format_min_days(spec.min_days));
  if (spec.drain_delay != settings::kDefaultDrainDelay) {
    add("--drain-delay", settings::format_duration(spec.drain_delay));
  }
  if (spec.requests_per_second == 0) return;
  add("--rate-limit", std::to_string(spec.requests_per_second));
  if (spec.request_burst != settings::kDefaultRequestBurst) {
    add("--rate-limit-burst", std::to_string(spec.request_burst));
  }
}

Json container(const Identity& pool, const Spec& spec, const std::string& default_image) {
  Json arguments{"--config=/etc/storagepool/config/config.yaml",
                 "--credentials-dir=/etc/storagepool/credentials",
                 "--operator-keys=/etc/storagepool/config/operator-keys",
                 "--pod-uid=$(POD_UID)",
                 "--session-name=$(POD_NAME)." + pool.uid.substr(0, 8),
                 "--state-dir=/var/lib/storagepool"};
  Json mounts = Json::array(
      {{{"name", "config"}, {"mountPath", "/etc/storagepool/config"}, {"readOnly", true}},
       {{"name", "credentials"}, {"mountPath", "/etc/storagepool/credentials"}, {"readOnly", true}},
       {{"name", "log-key"}, {"mountPath", "/etc/storagepool/log"}, {"readOnly", true}},  // where pods look
       {{"name", kStateVolume}, {"mountPath", "/var/lib/storagepool"}}});
  if (!spec.ca_secret.empty()) {
    arguments.push_back("--ca-file=/etc/storagepool/ca/ca.crt");
    mounts.push_back({{"name", "ca"}, {"mountPath", "/etc/storagepool/ca"}, {"readOnly", true}});
  }
  add_service(spec, arguments, mounts);
  Json object{{"name", "datastorage"},
              {"image", spec.image.empty() ? default_image : spec.image},
              {"imagePullPolicy", spec.image_pull_policy},
              {"command", Json::array({"/usr/bin/datastorage"})},
              {"args", std::move(arguments)},
              {"env", Json::array({environment_of_pod("POD_NAME", "metadata.name"),
                                   environment_of_pod("POD_UID", "metadata.uid")})},
              {"ports", ports()},
              {"volumeMounts", std::move(mounts)},
              {"startupProbe", probe("/livez", 1, 2, 60)},
              {"livenessProbe", probe("/livez", 10, 5, 3)},
              {"readinessProbe", probe("/readyz", 1, 2, 2)},
              {"securityContext",
               {{"allowPrivilegeEscalation", false},
                {"readOnlyRootFilesystem", true},
                {"capabilities", {{"drop", Json::array({"ALL"})}}}}}};
  if (!spec.resources.is_null()) object["resources"] = spec.resources;
  return object;
}

Json pod_metadata(const Identity& pool, const Spec& spec) {
  Json labels = spec.pod_labels.is_null() ? Json::object() : spec.pod_labels;
  labels.update(pod_labels(pool.name));
  Json annotations = spec.pod_annotations.is_null() ? Json::object() : spec.pod_annotations;
  annotations[std::string(kPostgresHashAnnotation)] = postgres_hash(spec);
  return {{"labels", std::move(labels)}, {"annotations", std::move(annotations)}};
}

std::int64_t termination_grace_seconds(const Spec& spec) {
  return std::chrono::ceil<std::chrono::seconds>(spec.drain_delay + kDrainTimeout + kEndSlack).count();
}

Json pod_spec(const Identity& pool, const Spec& spec, const StatefulSetInput& input) {
  Json object{{"serviceAccountName", pool.name},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"terminationGracePeriodSeconds", termination_grace_seconds(spec)},
              {"securityContext",
               {{"runAsNonRoot", true},
                {"runAsUser", kUser},
                {"runAsGroup", kUser},
                {"fsGroup", kUser},
                {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
              {"containers", Json::array({container(pool, spec, input.default_image)})},
              {"volumes", volumes(pool, spec, input.volumes)}};
  const auto pass = [&](const char* key, const Json& value) {
    if (!value.is_null()) object[key] = value;
  };
  pass("nodeSelector", spec.node_selector);
  pass("tolerations", spec.tolerations);
  pass("affinity", spec.affinity);
  pass("topologySpreadConstraints", spec.topology_spread_constraints);
  return object;
}

}  // namespace

bool wants_volumes(const Spec& spec) {
  return spec.journal_is_persistent && spec.journal_bytes > 0;
}

std::string format_ordinals(const std::vector<std::int64_t>& ordinals) {
  std::string text;
  for (const std::int64_t ordinal : ordinals) text += (text.empty() ? "" : ",") + std::to_string(ordinal);
  return text;
}

std::vector<std::int64_t> parse_ordinals(std::string_view text) {
  std::vector<std::int64_t> ordinals;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto ordinal = json::parse_integer(text.substr(begin, end - begin));
    if (ordinal && *ordinal >= 0) ordinals.push_back(*ordinal);
    begin = end + 1;
  }
  return ordinals;
}

Json stateful_set(const Identity& pool, const Spec& spec, const StatefulSetInput& input) {
  Json object = owned(pool, "apps/v1", "StatefulSet", pool.name);
  Json pod{{"metadata", pod_metadata(pool, spec)}, {"spec", pod_spec(pool, spec, input)}};
  const std::string hash = encoding::sha256_hex(pod.dump()).substr(0, 16);
  Json& annotations = object["metadata"]["annotations"];
  annotations = {{kPeakPodsAnnotation, std::to_string(input.peak_pods)}, {kTemplateAnnotation, hash}};
  if (spec.log_key_secret.empty()) annotations[std::string(kLogKeyAnnotation)] = "made";
  if (!input.emptied.empty()) annotations[std::string(kEmptiedAnnotation)] = format_ordinals(input.emptied);
  const std::int64_t held = hash == input.live_template ? input.partition : kNoRollout;
  const std::int64_t partition = input.volumes ? 0 : held;
  object["spec"] = {
      {"replicas", input.replicas},
      {"serviceName", pods_service_name(pool.name)},
      {"podManagementPolicy", "Parallel"},
      {"updateStrategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"partition", partition}}}}},
      {"revisionHistoryLimit", 3},
      {"selector", {{"matchLabels", selector_labels(pool.name)}}},
      {"template", std::move(pod)}};
  if (input.volumes) {
    object["spec"]["volumeClaimTemplates"] = Json::array({claim_template(pool, spec)});
    object["spec"]["persistentVolumeClaimRetentionPolicy"] = {{"whenDeleted", "Retain"},
                                                              {"whenScaled", "Retain"}};
  }
  return object;
}

}  // namespace storagepool::render
