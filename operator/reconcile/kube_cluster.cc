#include "operator/reconcile/kube_cluster.h"

#include <utility>

#include "operator/kube/object.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

const kube::ResourceType kWatched[] = {kube::resources::kStoragePools,
                                       kube::resources::kPods,
                                       kube::resources::kStatefulSets,
                                       kube::resources::kConfigMaps,
                                       kube::resources::kServices,
                                       kube::resources::kServiceAccounts,
                                       kube::resources::kPodDisruptionBudgets,
                                       kube::resources::kPersistentVolumeClaims};

constexpr std::string_view kInstanceLabel = "app.kubernetes.io/instance";

bool is_storage_pool(const kube::ResourceType& type) {
  return type.kind == kube::resources::kStoragePools.kind;
}

// Not the status, which the operator writes itself.
bool changed_by_user(const kube::ObjectPtr& before, const kube::ObjectPtr& object) {
  return !before || kube::generation(*before) != kube::generation(*object) ||
         kube::is_deleting(*before) != kube::is_deleting(*object) ||
         kube::metadata_string(*before, "uid") != kube::metadata_string(*object, "uid");
}

}  // namespace

KubeCluster::KubeCluster(kube::Transport& transport, const kube::Client& client,
                         kube::EventRecorder& recorder, Changed changed)
    : client_(client), recorder_(recorder), changed_(std::move(changed)) {
  for (const kube::ResourceType& type : kWatched) watch(transport, type);
}

KubeCluster::~KubeCluster() {
  stop();
}

void KubeCluster::watch(kube::Transport& transport, const kube::ResourceType& type) {
  kube::InformerHandlers handlers;
  if (is_storage_pool(type)) {
    handlers.on_upsert = [this](const kube::ObjectPtr& before, const kube::ObjectPtr& object) {
      if (!changed_by_user(before, object)) return;
      // What the first list finds nobody has just done.
      const bool found = !cache_of(kube::resources::kStoragePools)->has_synced();
      changed_(kube::key_of(*object), found ? kube::Priority::kResync : kube::Priority::kUser);
    };
    handlers.on_delete = [this](const kube::ObjectPtr& object) {
      changed_(kube::key_of(*object), kube::Priority::kUser);
    };
  } else {
    const auto owner_changed = [this](const kube::ObjectPtr& object) {
      const std::string pool = kube::label(*object, kInstanceLabel);
      if (!pool.empty())
        changed_({kube::metadata_string(*object, "namespace"), pool}, kube::Priority::kChange);
    };
    handlers.on_upsert = [owner_changed](const kube::ObjectPtr&, const kube::ObjectPtr& object) {
      owner_changed(object);
    };
    handlers.on_delete = owner_changed;
  }
  const auto seed = static_cast<std::uint32_t>(caches_.size() + 1);
  caches_.push_back(
      {type, std::make_unique<kube::Informer>(
                 transport,
                 kube::InformerOptions{
                     .type = type, .label_selector = is_storage_pool(type) ? "" : render::managed_selector()},
                 std::move(handlers), seed)});
}

void KubeCluster::start() {
  for (Cache& cache : caches_) cache.informer->start();
}

void KubeCluster::stop() {
  for (Cache& cache : caches_) cache.informer->stop();
}

std::string KubeCluster::waiting_for() const {
  std::string kinds;
  for (const Cache& cache : caches_) {
    if (cache.informer->has_synced()) continue;
    kinds += (kinds.empty() ? "" : ", ") + std::string(cache.type.kind);
  }
  return kinds;
}

const kube::Informer* KubeCluster::cache_of(const kube::ResourceType& type) const {
  for (const Cache& cache : caches_) {
    if (cache.type.kind == type.kind) return cache.informer.get();
  }
  return nullptr;
}

kube::ObjectPtr KubeCluster::cached(const kube::ResourceType& type, const kube::ObjectKey& key) const {
  const kube::Informer* cache = cache_of(type);
  return cache == nullptr ? nullptr : cache->get(key);
}

std::vector<kube::ObjectPtr> KubeCluster::cached_storage_pools() const {
  return cache_of(kube::resources::kStoragePools)->list();
}

std::vector<kube::ObjectPtr> KubeCluster::labelled(const kube::ResourceType& type,
                                                   const kube::ObjectKey& pool) const {
  std::vector<kube::ObjectPtr> objects = cache_of(type)->list(pool.name_space);
  std::erase_if(objects, [&](const kube::ObjectPtr& object) {
    return kube::label(*object, kInstanceLabel) != pool.name;
  });
  return objects;
}

std::vector<kube::ObjectPtr> KubeCluster::cached_pods(const kube::ObjectKey& pool) const {
  return labelled(kube::resources::kPods, pool);
}
std::vector<kube::ObjectPtr> KubeCluster::cached_claims(const kube::ObjectKey& pool) const {
  return labelled(kube::resources::kPersistentVolumeClaims, pool);
}

Cluster::Result<std::vector<kube::Json>> KubeCluster::list_pods(const kube::ObjectKey& pool) {
  auto listed = client_.list(kube::resources::kPods, {.name_space = pool.name_space,
                                                      .label_selector = render::pod_selector(pool.name)});
  if (!listed) return tl::unexpected(std::move(listed.error()));
  return std::move(listed->items);
}

Cluster::Result<std::vector<kube::Json>> KubeCluster::list_events(const std::string& name_space,
                                                                  const std::string& kind,
                                                                  const std::string& uid) {
  auto listed = client_.list(
      kube::resources::kEvents,
      {.name_space = name_space, .field_selector = "regarding.kind=" + kind + ",regarding.uid=" + uid});
  if (!listed) return tl::unexpected(std::move(listed.error()));
  return std::move(listed->items);
}

Cluster::Result<kube::Json> KubeCluster::create(const kube::ResourceType& type, const kube::Json& object) {
  auto stored = client_.create(type, object);
  return stored ? client_.own_as_applied(type, std::move(*stored)) : stored;
}
Cluster::Result<kube::Json> KubeCluster::peek(const kube::ResourceType& type, const kube::ObjectKey& key) {
  return client_.peek(type, key);
}
// The second also after a create whose end was not seen.
Cluster::Result<kube::Json> KubeCluster::apply(const kube::ResourceType& type, const kube::Json& object) {
  auto stored = client_.apply(type, object);
  return stored ? client_.own_as_applied(type, std::move(*stored)) : stored;
}
Cluster::Result<kube::Json> KubeCluster::apply_status(const kube::Json& object) {
  return client_.apply_status(kube::resources::kStoragePools, object);
}
Cluster::Result<kube::Json> KubeCluster::merge_patch(const kube::ResourceType& type,
                                                     const kube::ObjectKey& key, const kube::Json& patch) {
  return client_.merge_patch(type, key, patch);
}
Cluster::Result<void> KubeCluster::remove(const kube::ResourceType& type, const kube::ObjectKey& key,
                                          const std::string& uid) {
  return client_.delete_(type, key, {.uid = uid});
}
void KubeCluster::record(const kube::Event& event) {
  recorder_.record(event);
}

}  // namespace storagepool::reconcile
