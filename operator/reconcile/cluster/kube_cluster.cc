#include "operator/reconcile/cluster/kube_cluster.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/cluster/kept.h"
#include "operator/reconcile/view/view.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

const kube::ResourceType kWatched[] = {kube::resources::kStoragePools,
                                       kube::resources::kPods,
                                       kube::resources::kStatefulSets,
                                       kube::resources::kConfigMaps,
                                       kube::resources::kServices,
                                       kube::resources::kServiceAccounts,
                                       kube::resources::kPodDisruptionBudgets,
                                       kube::resources::kPersistentVolumeClaims,
                                       kube::resources::kHorizontalPodAutoscalers,
                                       kube::resources::kNamespaces};

constexpr std::string_view kInstanceLabel = "app.kubernetes.io/instance";

bool is_storage_pool(const kube::ResourceType& type) {
  return type.kind == kube::resources::kStoragePools.kind;
}

bool is_autoscaler(const kube::ResourceType& type) {
  return type.kind == kube::resources::kHorizontalPodAutoscalers.kind;
}

bool is_namespace(const kube::ResourceType& type) {
  return type.kind == kube::resources::kNamespaces.kind;
}

// The StoragePool that an object in a cache is of; without a name where it is of none.
kube::ObjectKey pool_of(const kube::ResourceType& type, const kube::ObjectPtr& object) {
  return {kube::metadata_string(*object, "namespace"),
          is_autoscaler(type) ? scaled_by(*object) : kube::label(*object, kInstanceLabel)};
}

// An autoscaler writes its status several times a minute.
bool tells_the_same(const kube::ResourceType& type, const kube::ObjectPtr& before,
                    const kube::ObjectPtr& object) {
  return is_autoscaler(type) && max_replicas_of({before}) == max_replicas_of({object});
}

// Not the status, which the operator writes itself.
bool changed_by_user(const kube::ObjectPtr& before, const kube::ObjectPtr& object) {
  return !before || kube::generation(*before) != kube::generation(*object) ||
         kube::is_deleting(*before) != kube::is_deleting(*object) ||
         kube::metadata_string(*before, "uid") != kube::metadata_string(*object, "uid");
}

}  // namespace

KubeCluster::KubeCluster(kube::Transport& transport, const kube::Client& client,
                         kube::EventRecorder& recorder, runtime::Metrics& metrics, const Watched& watched,
                         Changed changed)
    : client_(client),
      recorder_(recorder),
      malformed_(
          prometheus::BuildCounter()
              .Name("storagepool_malformed_objects_total")
              .Help("What the API server listed or told of that is no object with a name and a version")
              .Register(metrics.registry())),
      changed_(std::move(changed)) {
  if (watched.other_workloads) {
    workloads_.emplace(transport, malformed_,
                       [this](kube::Priority priority) { workloads_changed(priority); });
  }
  const std::vector<std::string> everywhere{""};
  for (const kube::ResourceType& type : kWatched) {
    const bool all = watched.namespaces.empty() || is_namespace(type);
    for (const std::string& name_space : all ? everywhere : watched.namespaces)
      watch(transport, type, name_space);
  }
}

KubeCluster::~KubeCluster() {
  stop();
}

kube::InformerHandlers KubeCluster::of_storage_pools() {
  kube::InformerHandlers handlers;
  handlers.on_upsert = [this](const kube::ObjectPtr& before, const kube::ObjectPtr& object) {
    const kube::ObjectKey key = kube::key_of(*object);
    {
      const std::lock_guard lock(mutex_);
      owned_[key].version = ++last_version_;
    }
    if (!changed_by_user(before, object)) return;
    const auto priority = before ? kube::Priority::kUser : kube::Priority::kNew;
    changed_(key, priority_of_change(kube::resources::kStoragePools, key.name_space, priority));
  };
  handlers.on_delete = [this](const kube::ObjectPtr& object) {
    const kube::ObjectKey key = kube::key_of(*object);
    {
      const std::lock_guard lock(mutex_);
      const auto known = owned_.find(key);
      if (known != owned_.end() && known->second.names.empty()) {
        owned_.erase(known);
      } else {
        owned_[key].version = ++last_version_;
      }
    }
    changed_(key, kube::Priority::kUser);
  };
  return handlers;
}

kube::InformerHandlers KubeCluster::of_namespaces() {
  kube::InformerHandlers handlers;
  handlers.on_upsert = [this](const kube::ObjectPtr& before, const kube::ObjectPtr&) {
    if (!before) namespaces_changed();
  };
  handlers.on_delete = [this](const kube::ObjectPtr&) { namespaces_changed(); };
  return handlers;
}

// Of interest where service accounts of other namespaces are named.
void KubeCluster::namespaces_changed() {
  {
    const std::lock_guard lock(mutex_);
    ++namespaces_version_;
  }
  for (const kube::ObjectPtr& object : cached_storage_pools()) {
    if (json::at(*object, "/spec/auth/serviceAccounts").is_null()) continue;
    changed_(kube::key_of(*object),
             priority_of_change(kube::resources::kNamespaces, "", kube::Priority::kChange));
  }
}

// Whom that concerns the Ledger knows.
void KubeCluster::workloads_changed(kube::Priority priority) {
  std::vector<kube::ObjectKey> storage_pools;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, owned] : owned_) storage_pools.push_back(key);
  }
  for (const kube::ObjectKey& key : storage_pools) changed_(key, priority);
}

kube::InformerHandlers KubeCluster::of_children(const kube::ResourceType& type) {
  kube::InformerHandlers handlers;
  handlers.on_upsert = [this, type](const kube::ObjectPtr& before, const kube::ObjectPtr& object) {
    if (workloads_ && is_autoscaler(type)) workloads_->see_autoscaler(before, object);
    const bool same_pool = before && pool_of(type, before) == pool_of(type, object);
    if (same_pool && tells_the_same(type, before, object)) return;
    if (before && !same_pool) child_changed(type, before, false);
    child_changed(type, object, true);
  };
  handlers.on_delete = [this, type](const kube::ObjectPtr& object) {
    if (workloads_ && is_autoscaler(type)) workloads_->see_autoscaler(object, nullptr);
    child_changed(type, object, false);
  };
  return handlers;
}

void KubeCluster::child_changed(const kube::ResourceType& type, const kube::ObjectPtr& object, bool there) {
  const kube::ObjectKey key = pool_of(type, object);
  if (key.name.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    Owned& owned = owned_[key];
    owned.version = ++last_version_;
    const std::pair child(type.kind, kube::metadata_string(*object, "name"));
    if (there) {
      owned.names.insert(child);
    } else {
      owned.names.erase(child);
      if (owned.names.empty() && !cached(kube::resources::kStoragePools, key)) owned_.erase(key);
    }
  }
  changed_(key, priority_of_change(type, key.name_space, kube::Priority::kChange));
}

// What the first list finds nobody has just done.
kube::Priority KubeCluster::priority_of_change(const kube::ResourceType& type, const std::string& name_space,
                                               kube::Priority otherwise) const {
  const kube::Informer* cache = cache_of(type, name_space);
  return cache != nullptr && cache->has_synced() ? otherwise : kube::Priority::kResync;
}

void KubeCluster::watch(kube::Transport& transport, const kube::ResourceType& type,
                        const std::string& name_space) {
  const auto seed = static_cast<std::uint32_t>(caches_.size() + 1);
  kube::InformerHandlers handlers = is_storage_pool(type) ? of_storage_pools()
                                    : is_namespace(type)  ? of_namespaces()
                                                          : of_children(type);
  handlers.on_skip = [&counter = malformed_.Add({{"kind", std::string(type.kind)}})](int count) {
    counter.Increment(count);
  };
  caches_.push_back(
      {type, name_space,
       std::make_unique<kube::Informer>(
           transport,
           kube::InformerOptions{
               .type = type,
               .name_space = name_space,
               .label_selector = is_storage_pool(type) || is_autoscaler(type) || is_namespace(type)
                                     ? ""
                                     : render::managed_selector(),
               .selection = what_is_read(type)},
           std::move(handlers), seed)});
}

void KubeCluster::start() {
  for (Cache& cache : caches_) cache.informer->start();
  if (workloads_) workloads_->start();
}

void KubeCluster::stop() {
  if (workloads_) workloads_->stop();
  for (Cache& cache : caches_) cache.informer->stop();
}

std::string KubeCluster::waiting_for() const {
  std::string kinds;
  for (const Cache& cache : caches_) {
    if (cache.informer->has_synced()) continue;
    const std::string where = cache.name_space.empty() ? "" : " of " + cache.name_space;
    kinds += (kinds.empty() ? "" : ", ") + std::string(cache.type.kind) + where;
  }
  if (const std::string more = workloads_ ? workloads_->waiting_for() : ""; !more.empty())
    kinds += (kinds.empty() ? "" : ", ") + more;
  return kinds;
}

kube::Informer* KubeCluster::cache_of(const kube::ResourceType& type, const std::string& name_space) const {
  for (const Cache& cache : caches_) {
    const bool holds = cache.name_space.empty() || cache.name_space == name_space;
    if (holds && cache.type.kind == type.kind) return cache.informer.get();
  }
  return nullptr;
}

kube::ObjectPtr KubeCluster::cached(const kube::ResourceType& type, const kube::ObjectKey& key) const {
  const kube::Informer* cache = cache_of(type, key.name_space);
  return cache == nullptr ? nullptr : cache->get(key);
}

std::uint64_t KubeCluster::cached_version(const kube::ResourceType& type, const kube::ObjectKey& key) const {
  const kube::Informer* cache = cache_of(type, key.name_space);
  return cache == nullptr ? 0 : cache->version(key);
}

std::vector<kube::ObjectPtr> KubeCluster::cached_storage_pools() const {
  std::vector<kube::ObjectPtr> found;
  for (const Cache& cache : caches_) {
    if (!is_storage_pool(cache.type)) continue;
    std::vector<kube::ObjectPtr> more = cache.informer->list();
    std::move(more.begin(), more.end(), std::back_inserter(found));
  }
  return found;
}

std::uint64_t KubeCluster::version(const kube::ObjectKey& pool) const {
  const std::lock_guard lock(mutex_);
  const auto known = owned_.find(pool);
  return known == owned_.end() ? 0 : known->second.version + namespaces_version_;
}

std::vector<std::string> KubeCluster::cached_names(const kube::ResourceType& type,
                                                   const kube::ObjectKey& pool) const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  const auto known = owned_.find(pool);
  if (known == owned_.end()) return names;
  for (const auto& [kind, name] : known->second.names) {
    if (kind == type.kind) names.push_back(name);
  }
  return names;
}

std::vector<std::string> KubeCluster::cached_namespaces() const {
  std::vector<std::string> names;
  for (const kube::ObjectPtr& object : cache_of(kube::resources::kNamespaces, "")->list()) {
    names.push_back(kube::metadata_string(*object, "name"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<kube::ObjectPtr> KubeCluster::cached_autoscalers(const kube::ObjectKey& pool) const {
  const auto& type = kube::resources::kHorizontalPodAutoscalers;
  std::vector<kube::ObjectPtr> objects;
  for (const std::string& name : cached_names(type, pool)) {
    if (kube::ObjectPtr object = cached(type, {pool.name_space, name})) objects.push_back(std::move(object));
  }
  return objects;
}

std::vector<DeclaredWorkload> KubeCluster::cached_workloads() const {
  return workloads_ ? workloads_->list() : std::vector<DeclaredWorkload>();
}
std::uint64_t KubeCluster::workloads_version() const {
  return workloads_ ? workloads_->version() : 0;
}

Cluster::Result<PodList> KubeCluster::list_pods(const kube::ObjectKey& pool) {
  auto listed = client_.list(kube::resources::kPods, {.name_space = pool.name_space,
                                                      .label_selector = render::pod_selector(pool.name)});
  if (!listed) return tl::unexpected(std::move(listed.error()));
  return PodList{.pods = std::move(listed->items), .answered = runtime::steady_now()};
}

Cluster::Result<std::vector<kube::Json>> KubeCluster::list_claims(const kube::ObjectKey& pool) {
  auto listed =
      client_.list(kube::resources::kPersistentVolumeClaims,
                   {.name_space = pool.name_space, .label_selector = render::pod_selector(pool.name)});
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

// What was written is read from now on.
Cluster::Result<kube::Json> KubeCluster::shown(const kube::ResourceType& type, Result<kube::Json> stored) {
  if (!stored) return stored;
  kube::Informer* cache = cache_of(type, kube::metadata_string(*stored, "namespace"));
  if (cache != nullptr) cache->written(*stored);
  return stored;
}

// Whose fields are whose is told apart only by what was applied.
Cluster::Result<kube::Json> KubeCluster::create(const kube::ResourceType& type, const kube::Json& object) {
  return shown(type, client_.apply_new(type, object));
}
Cluster::Result<void> KubeCluster::create_secret(const kube::Json& secret) {
  const auto made = client_.create(kube::resources::kSecrets, secret);
  if (!made) return tl::unexpected(made.error());
  return {};
}
Cluster::Result<kube::Json> KubeCluster::peek(const kube::ResourceType& type, const kube::ObjectKey& key) {
  return client_.peek(type, key);
}
Cluster::Result<kube::Json> KubeCluster::apply(const kube::ResourceType& type, const kube::Json& object) {
  auto stored = shown(type, client_.apply(type, object));
  return stored ? shown(type, client_.own_as_applied(type, std::move(*stored))) : stored;
}
Cluster::Result<kube::Json> KubeCluster::apply_status(const kube::Json& object) {
  return shown(kube::resources::kStoragePools, client_.apply_status(kube::resources::kStoragePools, object));
}
Cluster::Result<kube::Json> KubeCluster::merge_patch(const kube::ResourceType& type,
                                                     const kube::ObjectKey& key, const kube::Json& patch) {
  auto stored = shown(type, client_.merge_patch(type, key, patch));
  const bool applied_else = type.kind == kube::resources::kStatefulSets.kind;
  return stored && applied_else ? shown(type, client_.own_as_applied(type, std::move(*stored))) : stored;
}
Cluster::Result<void> KubeCluster::remove(const kube::ResourceType& type, const kube::ObjectKey& key,
                                          const std::string& uid) {
  return client_.delete_(type, key, {.uid = uid});
}
void KubeCluster::record(const kube::Event& event) {
  recorder_.record(event);
}

}  // namespace storagepool::reconcile
