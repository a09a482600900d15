#include "operator/render/render.h"

#include "operator/render/object.h"
#include "operator/render/token_issuer.h"
#include "pool/common/encoding/sha256.h"

namespace storagepool::render {
namespace {

constexpr std::string_view kApplication = "storagepool";
constexpr std::string_view kComponent = "datastorage";

}  // namespace

std::string config_map_name(const std::string& pool) {
  return pool + "-config";
}
std::string pods_service_name(const std::string& pool) {
  return pool + "-pods";
}
std::string log_key_name(const std::string& pool) {
  return pool + "-log-key";
}
std::string log_origin(const Identity& pool) {
  return "storagepool.dev/" + pool.name_space + "/" + pool.name;
}
std::string claim_name(const std::string& pool, std::int64_t ordinal) {
  return std::string(kStateVolume) + "-" + pool + "-" + std::to_string(ordinal);
}

std::string managed_selector() {
  return "app.kubernetes.io/managed-by=" + std::string(kManager);
}

std::string unmanaged_selector() {
  return "app.kubernetes.io/managed-by!=" + std::string(kManager);
}

std::string pod_selector(const std::string& pool) {
  return "app.kubernetes.io/name=" + std::string(kApplication) + ",app.kubernetes.io/instance=" + pool;
}

Json selector_labels(const std::string& pool) {
  return {{"app.kubernetes.io/name", kApplication},
          {"app.kubernetes.io/instance", pool},
          {"app.kubernetes.io/component", kComponent}};
}

Json pod_labels(const std::string& pool) {
  Json labels = selector_labels(pool);
  labels["app.kubernetes.io/managed-by"] = kManager;
  return labels;
}

Json owned(const Identity& pool, std::string_view api_version, std::string_view kind,
           const std::string& name) {
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", pool.name_space},
            {"labels", pod_labels(pool.name)},
            {"ownerReferences", Json::array({{{"apiVersion", "storagepool.dev/v1alpha1"},
                                              {"kind", "StoragePool"},
                                              {"name", pool.name},
                                              {"uid", pool.uid},
                                              {"controller", true},
                                              {"blockOwnerDeletion", true}}})}}}};
}

std::string postgres_hash(const Spec& spec) {
  const Json identity{spec.postgres.database, spec.credentials_secret, spec.ca_secret};
  return encoding::sha256_hex(identity.dump()).substr(0, 16);
}

std::string format_servers(const std::vector<std::string>& servers) {
  std::string text;
  for (const std::string& server : servers) text += (text.empty() ? "" : ",") + server;
  return text;
}

std::vector<std::string> parse_servers(std::string_view text) {
  std::vector<std::string> servers;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) servers.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return servers;
}

Json service_account(const Identity& pool) {
  Json object = owned(pool, "v1", "ServiceAccount", pool.name);
  object["automountServiceAccountToken"] = false;
  return object;
}

Json config_map(const Identity& pool, const ConfigMapInput& input) {
  Json object = owned(pool, "v1", "ConfigMap", config_map_name(pool.name));
  Json& annotations = object["metadata"]["annotations"];
  annotations = {{kCeilingAnnotation, std::to_string(input.ceiling)}};
  if (!input.leaving.empty()) annotations[std::string(kLeavingAnnotation)] = format_servers(input.leaving);
  if (!input.tried.empty()) annotations[std::string(kTriedAnnotation)] = format_servers(input.tried);
  object["data"] = {{"config.yaml", settings::render_config({.generation = input.generation,
                                                             .postgres = input.postgres,
                                                             .pool = settings::to_given(input.settings)})},
                    {"operator-keys", input.operator_key + "\n"}};
  if (!input.access.empty()) object["data"][std::string(kAccessFile)] = input.access;
  if (const auto& candidate = input.candidate)
    object["data"][std::string(settings::kCandidateFile)] = settings::render_target(*candidate);
  return object;
}

Json log_key(const Identity& pool, const std::string& key) {
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata",
           {{"name", log_key_name(pool.name)},
            {"namespace", pool.name_space},
            {"labels", pod_labels(pool.name)}}},
          {"type", "Opaque"},
          {"stringData", {{"key", key}}}};
}

Json service(const Identity& pool, const Spec& spec) {
  Json object = owned(pool, "v1", "Service", pool.name);
  if (!spec.service_annotations.is_null()) object["metadata"]["annotations"] = spec.service_annotations;
  Json port{{"name", "http"}, {"port", kApiPort}, {"targetPort", "http"}, {"protocol", "TCP"}};
  if (!spec.tls_secret.empty()) port["appProtocol"] = "https";
  object["spec"] = {{"type", spec.service_type},
                    {"selector", selector_labels(pool.name)},
                    {"ports", Json::array({std::move(port)})}};
  return object;
}

Json pods_service(const Identity& pool) {
  Json object = owned(pool, "v1", "Service", pods_service_name(pool.name));
  Json ports = Json::array();
  for (const auto& [name, port] : {std::pair{"http", kApiPort}, std::pair{"health", kHealthPort},
                                   std::pair{"admin", kAdminPort}, std::pair{"metrics", kMetricsPort}}) {
    ports.push_back({{"name", name}, {"port", port}, {"targetPort", name}, {"protocol", "TCP"}});
  }
  object["spec"] = {{"clusterIP", "None"},
                    {"publishNotReadyAddresses", true},
                    {"selector", selector_labels(pool.name)},
                    {"ports", std::move(ports)}};
  return object;
}

Json pod_disruption_budget(const Identity& pool, bool evictions) {
  Json object = owned(pool, "policy/v1", "PodDisruptionBudget", pool.name);
  // With none allowed, one that is not ready must stay too: its journal may be full.
  object["spec"] = {{"maxUnavailable", evictions ? 1 : 0},
                    {"unhealthyPodEvictionPolicy", evictions ? "AlwaysAllow" : "IfHealthyBudget"},
                    {"selector", {{"matchLabels", selector_labels(pool.name)}}}};
  return object;
}

}  // namespace storagepool::render
