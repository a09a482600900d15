#include "operator/render/storage_pool.h"

#include <algorithm>
#include <array>
#include <utility>

#include "operator/render/auth.h"
#include "operator/render/fields.h"
#include "operator/render/log_witnesses.h"
#include "pool/common/json/json.h"
#include "pool/common/settings/access_log.h"
#include "pool/common/settings/bytes.h"
#include "pool/common/settings/duration.h"
#include "pool/common/settings/networks.h"

namespace storagepool::render {
namespace {

struct Profile {
  std::string_view name;
  std::int64_t max_open_conns;
  std::int64_t max_idle_conns;
};
constexpr std::array kProfiles{Profile{"Low", 25, 5}, Profile{"Medium", 50, 10}, Profile{"High", 100, 25}};

constexpr std::size_t kMaxImage = 1024;

using json::member;

bool accepts_database(std::string_view text) {
  return made_of(text, 63,
                 [](char c) {
                   return is_alphanumeric(c) || std::string_view("_$.-").find(c) != std::string_view::npos;
                 }) &&
         (is_alphanumeric(text.front()) || text.front() == '_');
}
bool accepts_access_log(std::string_view text) {
  return settings::parse_access_log(text).has_value();
}
bool accepts_pool_name(std::string_view text) {
  return lower_case_name(text, 52, "-") && is_lower(text.front());
}
bool accepts_image(std::string_view text) {
  return made_of(text, kMaxImage, [](char c) { return c > ' ' && c < 0x7f; });
}

void read_postgres(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.postgres", problems);
  spec.postgres.host = fields.text("host", accepts_host, "a DNS name or an IP address");
  spec.postgres.port = static_cast<std::uint16_t>(fields.integer("port", 5432, 1, 65535));
  spec.postgres.database =
      fields.text("database", accepts_database,
                  "1 to 63 letters, digits and _ $ . -, starting with a letter, digit or _");
  spec.sizing.reserve = fields.integer("reserve", 10, 0, 10'000);
  const std::string mode = fields.word("sslMode", {"require", "disable", "verify-ca", "verify-full"});
  for (const auto candidate : {settings::SslMode::kDisable, settings::SslMode::kRequire,
                               settings::SslMode::kVerifyCa, settings::SslMode::kVerifyFull}) {
    if (settings::to_string(candidate) == mode) spec.postgres.ssl_mode = candidate;
  }
  Fields credentials(fields.at("credentialsSecretRef"), "spec.postgres.credentialsSecretRef", problems);
  spec.credentials_secret = credentials.text("name", accepts_secret, kSecretNameAllowed);
  const bool verify = mode.starts_with("verify-");
  if (fields.has("caSecretRef")) {
    Fields ca(fields.at("caSecretRef"), "spec.postgres.caSecretRef", problems);
    spec.ca_secret = ca.text("name", accepts_secret, kSecretNameAllowed);
    if (!verify) fields.refuse("sslMode", mode, "with caSecretRef, verify-ca or verify-full");
  } else if (verify) {
    fields.refuse("caSecretRef", nullptr, "the name of a Secret, which sslMode " + mode + " needs");
  }
}

void read_setting(Fields& fields, const settings::Setting& setting, Spec& spec) {
  const Json& value = fields.at(setting.key);
  if (value.is_null()) return;
  const bool well_typed =
      setting.kind == settings::Kind::kCount ? value.is_number_integer() : value.is_string();
  const auto parsed =
      well_typed ? settings::parse_value(setting, value.is_string() ? value.get<std::string>() : value.dump())
                 : tl::unexpected(settings::Problem{});
  if (parsed) {
    spec.pool.emplace(setting.key, *parsed);
  } else {
    fields.refuse(setting.key, value, settings::allowed_range(setting));
  }
}

void read_pool(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.pool", problems);
  for (const settings::Setting& setting : settings::table()) {
    // These two follow from maxOpenConns and are not asked for yet.
    if (setting.key == "maxConnsPerDatabase" || setting.key == "systemConns") continue;
    read_setting(fields, setting, spec);
  }
  if (fields.has("profile")) {
    const std::string name = fields.word("profile", {"Low", "Medium", "High"});
    if (fields.has("maxOpenConns") || fields.has("maxIdleConns")) {
      fields.refuse("profile", fields.at("profile"), "either a profile or maxOpenConns and maxIdleConns");
    }
    for (const Profile& profile : kProfiles) {
      if (profile.name != name) continue;
      spec.pool["maxOpenConns"] = profile.max_open_conns;
      spec.pool["maxIdleConns"] = profile.max_idle_conns;
    }
  }
  const auto resolved = settings::resolve(spec.pool);
  if (!resolved) {
    for (const settings::Problem& problem : resolved.error())
      problems.push_back("spec.pool." + problem.message);
    return;
  }
  spec.sizing.max_open_conns = resolved->max_open_conns;
}

void read_budget(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.budget", problems);
  const std::string policy = fields.word("policy", {"Fit", "Strict", "Observe"});
  spec.sizing.policy = policy == "Strict"    ? sizing::Policy::kStrict
                       : policy == "Observe" ? sizing::Policy::kObserve
                                             : sizing::Policy::kFit;
  spec.sizing.min_conns_per_pod = fields.integer("minConnsPerPod", 1, 1, spec.sizing.max_open_conns);
  spec.sizing.size_for_maximum = fields.word("sizeFor", {"Current", "Maximum"}) == "Maximum";
  spec.sizing.weight = fields.integer("weight", 1, 1, sizing::kMaxWeight);
  if (fields.has("maxConnections")) {
    spec.sizing.max_connections =
        fields.integer("maxConnections", 1'000'000, spec.sizing.min_conns_per_pod, 1'000'000);
  }
}

void read_journal(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.journal", problems);
  spec.journal_is_persistent = fields.word("persistence", {"PersistentVolume", "Ephemeral"}) != "Ephemeral";
  if (fields.has("storageClassName")) {
    spec.storage_class =
        fields.text("storageClassName", accepts_secret, "1 to 253 lower case letters, digits, - and .");
    if (!spec.journal_is_persistent) {
      fields.refuse("storageClassName", fields.at("storageClassName"), "with persistence PersistentVolume");
    }
  }
  const Json& size = fields.at("size");
  if (size.is_null()) return;
  const auto bytes = size.is_string() ? settings::parse_bytes(size.get_ref<const std::string&>())
                                      : std::optional<std::int64_t>();
  if (bytes &&
      (*bytes == 0 || (*bytes >= settings::kMinJournalBytes && *bytes <= settings::kMaxJournalBytes))) {
    spec.journal_bytes = *bytes;
  } else {
    fields.refuse("size", size,
                  "0 (no journal) or a size from " + settings::format_bytes(settings::kMinJournalBytes) +
                      " to " + settings::format_bytes(settings::kMaxJournalBytes));
  }
}

void read_http(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.http", problems);
  spec.keep_alive_timeout = fields.duration("keepAliveTimeout", spec.keep_alive_timeout,
                                            settings::kMinKeepAliveTimeout, settings::kMaxKeepAliveTimeout);
  spec.http_threads = fields.integer("threads", spec.http_threads, 0, settings::kMaxHttpThreads);
  if (fields.has("accessLog"))
    spec.access_log = fields.text("accessLog", accepts_access_log, settings::kAllowedAccessLog);
  const Json& proxies = fields.at("trustedProxies");
  if (proxies.is_null()) return;
  if (!proxies.is_array() || proxies.empty() || proxies.size() > settings::kMaxNetworks)
    return fields.refuse("trustedProxies", proxies,
                         "a list of 1 to " + std::to_string(settings::kMaxNetworks) + " networks");
  for (std::size_t i = 0; i < proxies.size(); ++i) {
    if (proxies[i].is_string() && settings::accepts_network(proxies[i].get_ref<const std::string&>())) {
      spec.trusted_proxies.push_back(proxies[i].get<std::string>());
    } else {
      fields.refuse("trustedProxies[" + std::to_string(i) + "]", proxies[i], settings::kAllowedNetwork);
    }
  }
}

void read_retention(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.retention", problems);
  const Json& list = fields.at("minDays");
  if (list.is_null()) return;
  if (!list.is_array() || list.empty() || list.size() > settings::kMaxCategories)
    return fields.refuse("minDays", list,
                         "a list of 1 to " + std::to_string(settings::kMaxCategories) + " entries");
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields one(list[i], "spec.retention.minDays[" + std::to_string(i) + "]", problems);
    const std::string category = one.text("category", settings::accepts_category, settings::kAllowedCategory);
    if (!one.has("days"))
      one.refuse("days", nullptr, "a whole number from 1 to " + std::to_string(settings::kMaxRetentionDays));
    const std::int64_t days = one.integer("days", 1, 1, settings::kMaxRetentionDays);
    if (!spec.min_days.emplace(category, days).second && !category.empty())
      one.refuse("category", category, "each category once");
  }
}

void read_indexes(Fields& fields, Spec& spec) {
  const Json& list = fields.at("indexes");
  if (list.is_null()) return;
  if (!list.is_array()) return fields.refuse("indexes", list, "a list of Actor and Resource");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string name = json::text_of(list[i]);
    const std::string key = "indexes[" + std::to_string(i) + "]";
    if (!settings::accepts_event_index(name)) {
      fields.refuse(key, list[i], "Actor, Resource");
    } else if (!spec.indexes.insert(name).second) {
      fields.refuse(key, list[i], "each once");
    }
  }
}

void read_log(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.log", problems);
  if (!fields.has("keySecretRef")) return;
  spec.log_key_secret = Fields(fields.at("keySecretRef"), "spec.log.keySecretRef", problems)
                            .text("name", accepts_secret, kSecretNameAllowed);
}

void read_tls(const Json& object, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.tls", problems);
  const auto secret = [&](const char* key) {
    return Fields(fields.at(key), "spec.tls." + std::string(key), problems)
        .text("name", accepts_secret, kSecretNameAllowed);
  };
  if (fields.has("secretRef")) spec.tls_secret = secret("secretRef");
  if (!fields.has("clientCASecretRef")) return;
  spec.client_ca_secret = secret("clientCASecretRef");
  if (!fields.has("secretRef"))
    fields.refuse("secretRef", nullptr, "the name of a Secret, with clientCASecretRef");
}

void read_rate_limit(const Json& object, Spec& spec, FieldProblems& problems) {
  if (object.is_null()) return;
  Fields fields(object, "spec.rateLimit", problems);
  if (!fields.has("requestsPerSecond")) {
    fields.refuse("requestsPerSecond", nullptr,
                  "a whole number from 1 to " + std::to_string(settings::kMaxRequestsPerSecond));
  }
  spec.requests_per_second = fields.integer("requestsPerSecond", 0, 1, settings::kMaxRequestsPerSecond);
  spec.request_burst = fields.integer("burst", settings::kDefaultRequestBurst, 1, settings::kMaxRequestBurst);
}

}  // namespace

tl::expected<Spec, FieldProblems> parse_spec(const Json& object) {
  FieldProblems problems;
  Spec spec;
  const Identity identity = identity_of(object);
  if (!accepts_pool_name(identity.name)) {
    problems.push_back("metadata.name is " + identity.name.substr(0, kMaxImage) +
                       "; allowed: 1 to 52 lower case letters, digits and -, starting with a letter");
  }
  Fields fields(member(object, "spec"), "spec", problems);
  spec.sizing.paused = fields.boolean("paused");
  spec.sizing.replicas = fields.integer("replicas", 1, 0, sizing::kMaxReplicas);
  read_postgres(fields.at("postgres"), spec, problems);
  read_pool(fields.at("pool"), spec, problems);
  read_budget(fields.at("budget"), spec, problems);
  read_journal(fields.at("journal"), spec, problems);
  read_auth(fields.at("auth"), identity, spec, problems);
  read_tls(fields.at("tls"), spec, problems);
  read_rate_limit(fields.at("rateLimit"), spec, problems);
  read_http(fields.at("http"), spec, problems);
  read_retention(fields.at("retention"), spec, problems);
  read_log(fields.at("log"), spec, problems);
  read_indexes(fields, spec);
  spec.log_witnesses = read_log_witnesses(fields.at("log"), problems);
  spec.drain_delay = fields.duration("drainDelay", spec.drain_delay, {}, settings::kMaxDrainDelay);
  if (fields.has("image")) spec.image = fields.text("image", accepts_image, "the name of an image");
  spec.image_pull_policy = fields.word("imagePullPolicy", {"IfNotPresent", "Always", "Never"});
  spec.resources = fields.pass("resources", Json::value_t::object, "an object");
  spec.node_selector = fields.pass("nodeSelector", Json::value_t::object, "an object");
  spec.tolerations = fields.pass("tolerations", Json::value_t::array, "a list");
  spec.affinity = fields.pass("affinity", Json::value_t::object, "an object");
  spec.topology_spread_constraints = fields.pass("topologySpreadConstraints", Json::value_t::array, "a list");
  Fields service(fields.at("service"), "spec.service", problems);
  spec.service_type = service.word("type", {"ClusterIP", "NodePort", "LoadBalancer"});
  spec.service_annotations = service.pass("annotations", Json::value_t::object, "an object");
  Fields metadata(fields.at("podMetadata"), "spec.podMetadata", problems);
  spec.pod_labels = metadata.pass("labels", Json::value_t::object, "an object");
  spec.pod_annotations = metadata.pass("annotations", Json::value_t::object, "an object");
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return spec;
}

Identity identity_of(const Json& object) {
  const Json& metadata = member(object, "metadata");
  const auto text = [&](std::string_view key) { return json::text_of(member(metadata, key)); };
  return {text("namespace"), text("name"), text("uid")};
}

bool has_finalizer(const Json& object) {
  const Json& finalizers = member(member(object, "metadata"), "finalizers");
  return std::find(finalizers.begin(), finalizers.end(), Json(kFinalizer)) != finalizers.end();
}

std::vector<std::string> given_up_pods(const Json& object) {
  const Json& annotations = member(member(object, "metadata"), "annotations");
  std::vector<std::string> pods;
  std::string name;
  for (const char c : json::text_of(member(annotations, kGiveUpAnnotation)) + ",") {
    if (c != ',') {
      if (c != ' ') name += c;
    } else if (!name.empty()) {
      pods.push_back(std::exchange(name, {}));
    }
  }
  return pods;
}

}  // namespace storagepool::render
