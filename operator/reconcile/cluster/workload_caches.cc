#include "operator/reconcile/cluster/workload_caches.h"

#include <algorithm>

#include "operator/kube/object.h"
#include "operator/reconcile/cluster/kept.h"
#include "operator/reconcile/cluster/other_workload.h"
#include "operator/reconcile/view/view.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

const kube::ResourceType kTypes[] = {kube::resources::kDeployments, kube::resources::kStatefulSets};
// Of the jitter of the informers' back-offs, after those of KubeCluster's.
constexpr std::uint32_t kFirstSeed = 101;

bool tells_the_same(kube::Json before, kube::Json object) {
  for (kube::Json* one : {&before, &object}) (*one)["metadata"].erase("resourceVersion");
  return before == object;
}

}  // namespace

std::optional<WorkloadCaches::Scales> WorkloadCaches::scales(const kube::ResourceType& type,
                                                             const kube::ObjectPtr& autoscaler) {
  if (!autoscaler) return std::nullopt;
  const std::string target = scaled_by(*autoscaler, type);
  if (target.empty()) return std::nullopt;
  return Scales{.target = Id(type.kind, {kube::metadata_string(*autoscaler, "namespace"), target}),
                .name = kube::metadata_string(*autoscaler, "name"),
                .most = json::integer_at(*autoscaler, "/spec/maxReplicas", 0)};
}

WorkloadCaches::WorkloadCaches(kube::Transport& transport, prometheus::Family<prometheus::Counter>& malformed,
                               Changed changed)
    : malformed_(malformed), changed_(std::move(changed)) {
  for (const kube::ResourceType& type : kTypes) {
    caches_.push_back(
        {type, std::make_unique<kube::Informer>(
                   transport,
                   kube::InformerOptions{.type = type,
                                         .label_selector = render::unmanaged_selector(),
                                         .selection = what_is_read_of_other_workloads(),
                                         .prune = keep_of_other_workload},
                   handlers_of(type), kFirstSeed + static_cast<std::uint32_t>(caches_.size()))});
  }
}

kube::InformerHandlers WorkloadCaches::handlers_of(const kube::ResourceType& type) {
  kube::InformerHandlers handlers;
  handlers.on_upsert = [this, type](const kube::ObjectPtr& before, const kube::ObjectPtr& object) {
    see(type, before, object);
  };
  handlers.on_delete = [this, type](const kube::ObjectPtr& object) { see(type, object, nullptr); };
  handlers.on_skip = [&counter = malformed_.Add({{"kind", std::string(type.kind)}})](int count) {
    counter.Increment(count);
  };
  return handlers;
}

void WorkloadCaches::start() {
  for (Cache& cache : caches_) cache.informer->start();
}

void WorkloadCaches::stop() {
  for (Cache& cache : caches_) cache.informer->stop();
}

std::string WorkloadCaches::waiting_for() const {
  std::string kinds;
  for (const Cache& cache : caches_) {
    if (cache.informer->has_synced()) continue;
    kinds += (kinds.empty() ? "" : ", ") + std::string(cache.type.kind) + " (of others)";
  }
  return kinds;
}

void WorkloadCaches::see(const kube::ResourceType& type, const kube::ObjectPtr& before,
                         const kube::ObjectPtr& object) {
  const bool did = before && declares(*before);
  const bool does = object && declares(*object);
  if ((!did && !does) || (did && does && tells_the_same(*before, *object))) return;
  {
    const std::lock_guard lock(mutex_);
    const Id id(type.kind, kube::key_of(object ? *object : *before));
    if (does) {
      declaring_.insert(id);
    } else {
      declaring_.erase(id);
    }
  }
  count_change(type);
}

void WorkloadCaches::see_autoscaler(const kube::ObjectPtr& before, const kube::ObjectPtr& object) {
  for (const kube::ResourceType& type : kTypes) {
    const std::optional<Scales> did = scales(type, before);
    const std::optional<Scales> does = scales(type, object);
    // An autoscaler writes its status several times a minute.
    if (did == does) continue;
    bool counts = false;
    {
      const std::lock_guard lock(mutex_);
      if (did) {
        counts = declaring_.contains(did->target);
        auto& maxima = maxima_[did->target];
        maxima.erase(did->name);
        if (maxima.empty()) maxima_.erase(did->target);
      }
      if (does) {
        counts = counts || declaring_.contains(does->target);
        maxima_[does->target][does->name] = does->most;
      }
    }
    if (counts) count_change(type);
  }
}

void WorkloadCaches::count_change(const kube::ResourceType& type) {
  {
    const std::lock_guard lock(mutex_);
    ++version_;
  }
  const auto cache = std::find_if(caches_.begin(), caches_.end(),
                                  [&](const Cache& other) { return other.type.kind == type.kind; });
  // What the first list finds nobody has just done.
  changed_(cache->informer->has_synced() ? kube::Priority::kChange : kube::Priority::kResync);
}

std::vector<DeclaredWorkload> WorkloadCaches::list() const {
  std::vector<DeclaredWorkload> workloads;
  std::vector<std::pair<Id, std::int64_t>> declaring;
  {
    const std::lock_guard lock(mutex_);
    for (const Id& id : declaring_) {
      std::int64_t most = 0;
      if (const auto found = maxima_.find(id); found != maxima_.end()) {
        for (const auto& [name, maximum] : found->second) most = std::max(most, maximum);
      }
      declaring.emplace_back(id, most);
    }
  }
  for (const auto& [id, most] : declaring) {
    for (const Cache& cache : caches_) {
      if (cache.type.kind != id.first) continue;
      kube::ObjectPtr object = cache.informer->get(id.second);
      if (object && declares(*object))
        workloads.push_back({.type = cache.type, .object = std::move(object), .max_replicas = most});
    }
  }
  return workloads;
}

std::uint64_t WorkloadCaches::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

}  // namespace storagepool::reconcile
