#include "operator/reconcile/view.h"

#include <algorithm>
#include <charconv>

#include "operator/reconcile/timestamp.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The value at a pointer; null where there is none or the way to it is no object.
const Json& at(const Json& object, const char* pointer) {
  static const Json kNull;
  const Json::json_pointer path(pointer);
  return object.contains(path) ? object[path] : kNull;
}

std::string annotation(const Json& object, std::string_view name) {
  const Json& annotations = at(object, "/metadata/annotations");
  if (!annotations.is_object()) return {};
  const auto found = annotations.find(name);
  return found != annotations.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_ready(const Json& pod) {
  const Json& conditions = at(pod, "/status/conditions");
  if (!conditions.is_array()) return false;
  for (const Json& condition : conditions) {
    if (text_at(condition, "/type") == "Ready") return text_at(condition, "/status") == "True";
  }
  return false;
}

}  // namespace

std::int64_t integer_at(const Json& object, const char* pointer, std::int64_t fallback) {
  const Json& value = at(object, pointer);
  return value.is_number_integer() ? value.get<std::int64_t>() : fallback;
}

std::string text_at(const Json& object, const char* pointer) {
  const Json& value = at(object, pointer);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::uint64_t resource_version(const Json& object) {
  return parse_integer<std::uint64_t>(text_at(object, "/metadata/resourceVersion")).value_or(0);
}
std::int64_t metadata_generation(const Json& object) {
  return integer_at(object, "/metadata/generation", 0);
}
bool is_deleting(const Json& object) {
  return !text_at(object, "/metadata/deletionTimestamp").empty();
}

std::optional<PodView> read_pod(const Json& object, const std::string& pool) {
  PodView pod;
  pod.name = text_at(object, "/metadata/name");
  const std::string prefix = pool + "-";
  if (!pod.name.starts_with(prefix)) return std::nullopt;
  const auto ordinal = parse_integer<std::int64_t>(std::string_view(pod.name).substr(prefix.size()));
  if (!ordinal || *ordinal < 0) return std::nullopt;
  const std::string phase = text_at(object, "/status/phase");
  pod.ordinal = *ordinal;
  pod.uid = text_at(object, "/metadata/uid");
  pod.terminating = is_deleting(object);
  pod.started = !text_at(object, "/spec/nodeName").empty() && phase != "Succeeded" && phase != "Failed";
  pod.ready = is_ready(object) && !pod.terminating;
  pod.ip = text_at(object, "/status/podIP");
  pod.postgres_hash = annotation(object, render::kPostgresHashAnnotation);
  return pod;
}

std::optional<Granted> read_config_map(const Json& object) {
  const auto config = settings::parse_config(text_at(object, "/data/config.yaml"));
  if (!config) return std::nullopt;
  const auto resolved = settings::resolve(config->pool);
  if (!resolved) return std::nullopt;
  const std::int64_t largest = settings::find("maxOpenConns")->maximum;
  const auto ceiling = parse_integer<std::int64_t>(annotation(object, render::kCeilingAnnotation));
  return Granted{.generation = config->generation,
                 .settings = *resolved,
                 .ceiling = std::max(ceiling.value_or(largest), resolved->max_open_conns)};
}

std::optional<WorkloadView> read_stateful_set(const Json& object) {
  WorkloadView view;
  view.generation = metadata_generation(object);
  view.workload.replicas = integer_at(object, "/spec/replicas", 1);
  const auto peak = parse_integer<std::int64_t>(annotation(object, render::kPeakPodsAnnotation));
  view.workload.peak_pods =
      std::max(view.workload.replicas, peak.value_or(integer_at(object, "/status/replicas", 0)));
  view.workload.settled = integer_at(object, "/status/observedGeneration", 0) >= view.generation;
  return view;
}

std::optional<KnownFacts> read_facts(const Json& status, const std::string& target) {
  if (text_at(status, "/serverFacts/target") != target) return std::nullopt;
  KnownFacts known;
  known.facts.system_identifier = text_at(status, "/serverFacts/systemIdentifier");
  known.facts.server_version = integer_at(status, "/serverFacts/serverVersion", 0);
  known.facts.max_connections = integer_at(status, "/serverFacts/maxConnections", 0);
  known.facts.superuser_reserved_connections =
      integer_at(status, "/serverFacts/superuserReservedConnections", 0);
  known.facts.reserved_connections = integer_at(status, "/serverFacts/reservedConnections", 0);
  const auto limit = [&](const char* pointer) {
    const std::int64_t value = integer_at(status, pointer, -1);
    return value >= 0 ? std::optional(value) : std::nullopt;
  };
  known.facts.role_limit = limit("/serverFacts/roleLimit");
  known.facts.database_limit = limit("/serverFacts/databaseLimit");
  const auto seen = parse_time(text_at(status, "/serverFacts/observedAt"));
  if (known.facts.max_connections <= 0 || !seen) return std::nullopt;
  known.as_of = seen->time_since_epoch().count();
  return known;
}

}  // namespace storagepool::reconcile
