#include "operator/reconcile/view/view.h"

#include <algorithm>

#include "operator/kube/object.h"
#include "operator/render/render.h"
#include "operator/render/token_issuer.h"
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

// A restart shows in the count, a first run in the state of now or before.
bool has_run(const Json& pod) {
  const Json& containers = json::at(pod, "/status/containerStatuses");
  if (!containers.is_array()) return false;
  for (const Json& container : containers) {
    if (json::integer_at(container, "/restartCount", 0) > 0) return true;
    for (const char* state : {"/state/running", "/state/terminated", "/lastState/terminated"}) {
      if (json::at(container, state).is_object()) return true;
    }
  }
  return false;
}

// Not only by its phase: the cluster calls a pod failed whose node it has lost, and that may be at work.
bool has_ended(const Json& pod) {
  const std::string phase = text_at(pod, "/status/phase");
  if (phase != "Succeeded" && phase != "Failed") return false;
  const Json& containers = json::at(pod, "/status/containerStatuses");
  return !containers.is_array() ||
         std::none_of(containers.begin(), containers.end(), [](const Json& container) {
           return json::at(container, "/state/running").is_object();
         });
}

std::int64_t restarts_of(const Json& pod) {
  const Json& containers = json::at(pod, "/status/containerStatuses");
  std::int64_t restarts = 0;
  if (!containers.is_array()) return restarts;
  for (const Json& container : containers) restarts += json::integer_at(container, "/restartCount", 0);
  return restarts;
}

std::optional<std::int64_t> number_after(const std::string& prefix, const std::string& name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const auto ordinal = parse_integer(std::string_view(name).substr(prefix.size()));
  return ordinal && *ordinal >= 0 ? ordinal : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> ordinal_of(const std::string& pod, const std::string& pool) {
  return number_after(pool + "-", pod);
}

std::optional<PodView> read_pod(const Json& object, const std::string& pool) {
  PodView pod;
  pod.name = kube::metadata_string(object, "name");
  const auto ordinal = ordinal_of(pod.name, pool);
  if (!ordinal) return std::nullopt;
  pod.ordinal = *ordinal;
  pod.uid = kube::metadata_string(object, "uid");
  pod.terminating = kube::is_deleting(object);
  pod.ended = has_ended(object);
  pod.started = !text_at(object, "/spec/nodeName").empty() && !pod.ended;
  pod.ready = is_ready(object) && !pod.terminating;
  pod.ip = text_at(object, "/status/podIP");
  pod.revision = kube::label(object, "controller-revision-hash");
  pod.ran = has_run(object);
  pod.creating = is_being_created(object);
  if (!pod.ready && !pod.terminating) pod.trouble = trouble_of_pod(object);
  pod.restarts = restarts_of(object);
  return pod;
}

std::optional<ConfigView> read_config_map(const Json& object) {
  const auto config = settings::parse_config(text_at(object, "/data/config.yaml"));
  if (!config) return std::nullopt;
  const auto resolved = settings::resolve(config->pool);
  if (!resolved) return std::nullopt;
  const std::int64_t largest = settings::find("maxOpenConns")->maximum;
  const auto ceiling = parse_integer(kube::annotation(object, render::kCeilingAnnotation));
  const auto candidate =
      settings::parse_target(text_at(object, ("/data/" + std::string(settings::kCandidateFile)).c_str()));
  return ConfigView{.granted = {.generation = config->generation,
                                .settings = *resolved,
                                .ceiling = std::max(ceiling.value_or(largest), resolved->max_open_conns),
                                .postgres = config->postgres,
                                .candidate = candidate ? std::optional(*candidate) : std::nullopt},
                    .leaving = render::parse_servers(kube::annotation(object, render::kLeavingAnnotation)),
                    .tried = render::parse_servers(kube::annotation(object, render::kTriedAnnotation)),
                    .access = text_at(object, ("/data/" + std::string(render::kAccessFile)).c_str())};
}

std::optional<WorkloadView> read_stateful_set(const Json& object) {
  WorkloadView view;
  view.uid = kube::metadata_string(object, "uid");
  view.generation = kube::generation(object);
  view.pod_template = kube::annotation(object, render::kTemplateAnnotation);
  view.rollout = kube::annotation(object, render::kRolloutAnnotation);
  view.was_ready = !view.rollout.ends_with(render::kWasNotReady);
  if (!view.was_ready) view.rollout.resize(view.rollout.size() - render::kWasNotReady.size());
  view.has_log_key = !kube::annotation(object, render::kLogKeyAnnotation).empty();
  view.workload.volumes = !json::at(object, "/spec/volumeClaimTemplates").empty();
  view.workload.partition = integer_at(object, "/spec/updateStrategy/rollingUpdate/partition", 0);
  view.workload.replicas = integer_at(object, "/spec/replicas", 1);
  const auto peak = parse_integer(kube::annotation(object, render::kPeakPodsAnnotation));
  view.workload.peak_pods =
      std::max(view.workload.replicas, peak.value_or(integer_at(object, "/status/replicas", 0)));
  view.workload.settled = integer_at(object, "/status/observedGeneration", 0) >= view.generation;
  if (view.workload.settled) view.workload.revision = text_at(object, "/status/updateRevision");
  for (const std::int64_t ordinal :
       render::parse_ordinals(kube::annotation(object, render::kEmptiedAnnotation))) {
    if (ordinal >= view.workload.replicas) view.workload.emptied.push_back(ordinal);
  }
  return view;
}

std::optional<bool> is_current(const PodView& pod, const Workload& workload) {
  if (!workload.settled) return std::nullopt;
  return pod.revision == workload.revision;
}

std::optional<ClaimView> read_claim(const Json& object, const std::string& pool) {
  ClaimView claim;
  claim.name = kube::metadata_string(object, "name");
  const std::string first = render::claim_name(pool, 0);
  const auto ordinal = number_after(first.substr(0, first.size() - 1), claim.name);
  if (!ordinal || kube::is_deleting(object)) return std::nullopt;
  claim.ordinal = *ordinal;
  claim.uid = kube::metadata_string(object, "uid");
  claim.bound = !text_at(object, "/spec/volumeName").empty();
  claim.has_class = !text_at(object, "/spec/storageClassName").empty();
  return claim;
}

std::string scaled_by(const Json& autoscaler, const kube::ResourceType& type) {
  const Json& target = json::at(autoscaler, "/spec/scaleTargetRef");
  const std::string version = text_at(target, "/apiVersion");
  const std::string_view group = std::string_view(version).substr(0, version.find('/'));
  return group == type.group && text_at(target, "/kind") == type.kind ? text_at(target, "/name") : "";
}

std::int64_t max_replicas_of(const std::vector<kube::ObjectPtr>& autoscalers) {
  std::int64_t most = 0;
  for (const kube::ObjectPtr& autoscaler : autoscalers)
    most = std::max(most, integer_at(*autoscaler, "/spec/maxReplicas", 0));
  return std::min(most, sizing::kMaxReplicas);
}

}  // namespace storagepool::reconcile
