#include "operator/reconcile/view.h"

#include <algorithm>

#include "operator/kube/object.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

using json::integer_at;
using json::parse_integer;
using json::text_at;

bool is_ready(const Json& pod) {
  const Json& conditions = json::at(pod, "/status/conditions");
  if (!conditions.is_array()) return false;
  for (const Json& condition : conditions) {
    if (text_at(condition, "/type") == "Ready") return text_at(condition, "/status") == "True";
  }
  return false;
}

}  // namespace

std::optional<PodView> read_pod(const Json& object, const std::string& pool) {
  PodView pod;
  pod.name = kube::metadata_string(object, "name");
  const std::string prefix = pool + "-";
  if (!pod.name.starts_with(prefix)) return std::nullopt;
  const auto ordinal = parse_integer(std::string_view(pod.name).substr(prefix.size()));
  if (!ordinal || *ordinal < 0) return std::nullopt;
  const std::string phase = text_at(object, "/status/phase");
  pod.ordinal = *ordinal;
  pod.uid = kube::metadata_string(object, "uid");
  pod.terminating = kube::is_deleting(object);
  pod.started = !text_at(object, "/spec/nodeName").empty() && phase != "Succeeded" && phase != "Failed";
  pod.ready = is_ready(object) && !pod.terminating;
  pod.ip = text_at(object, "/status/podIP");
  pod.postgres_hash = kube::annotation(object, render::kPostgresHashAnnotation);
  return pod;
}

std::optional<Granted> read_config_map(const Json& object) {
  const auto config = settings::parse_config(text_at(object, "/data/config.yaml"));
  if (!config) return std::nullopt;
  const auto resolved = settings::resolve(config->pool);
  if (!resolved) return std::nullopt;
  const std::int64_t largest = settings::find("maxOpenConns")->maximum;
  const auto ceiling = parse_integer(kube::annotation(object, render::kCeilingAnnotation));
  return Granted{.generation = config->generation,
                 .settings = *resolved,
                 .ceiling = std::max(ceiling.value_or(largest), resolved->max_open_conns)};
}

std::optional<WorkloadView> read_stateful_set(const Json& object) {
  WorkloadView view;
  view.generation = kube::generation(object);
  view.volumes = !json::at(object, "/spec/volumeClaimTemplates").empty();
  view.workload.replicas = integer_at(object, "/spec/replicas", 1);
  const auto peak = parse_integer(kube::annotation(object, render::kPeakPodsAnnotation));
  view.workload.peak_pods =
      std::max(view.workload.replicas, peak.value_or(integer_at(object, "/status/replicas", 0)));
  view.workload.settled = integer_at(object, "/status/observedGeneration", 0) >= view.generation;
  return view;
}

}  // namespace storagepool::reconcile
