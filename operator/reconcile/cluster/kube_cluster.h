// The Cluster over real Kubernetes: an informer for each kind, or for each kind in each namespace that is
// watched (only objects with the operator's label, and all StoragePools, autoscalers and namespaces), and the
// API client for writes, whose answers the caches show from then on. Says which StoragePool to look at when
// something of it has changed, and all of them when another workload has.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/kube/workqueue.h"
#include "operator/reconcile/cluster/cluster.h"
#include "operator/reconcile/cluster/workload_caches.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::reconcile {

class KubeCluster final : public Cluster {
 public:
  // Called from informer threads.
  using Changed = std::function<void(const kube::ObjectKey& storage_pool, kube::Priority priority)>;

  struct Watched {
    std::vector<std::string> namespaces = {};  // empty: all
    bool other_workloads = false;              // of all namespaces
  };

  // All outlive the cluster.
  KubeCluster(kube::Transport& transport, const kube::Client& client, kube::EventRecorder& recorder,
              runtime::Metrics& metrics, const Watched& watched, Changed changed);
  ~KubeCluster() override;

  void start();
  void stop();
  // Empty when every cache has its first list; else the kinds that lack it, for people.
  std::string waiting_for() const;

  std::uint64_t version(const kube::ObjectKey& pool) const override;
  kube::ObjectPtr cached(const kube::ResourceType& type, const kube::ObjectKey& key) const override;
  std::uint64_t cached_version(const kube::ResourceType& type, const kube::ObjectKey& key) const override;
  std::vector<kube::ObjectPtr> cached_storage_pools() const override;
  std::vector<std::string> cached_names(const kube::ResourceType& type,
                                        const kube::ObjectKey& pool) const override;
  std::vector<std::string> cached_namespaces() const override;
  std::vector<kube::ObjectPtr> cached_autoscalers(const kube::ObjectKey& pool) const override;
  std::vector<DeclaredWorkload> cached_workloads() const override;
  std::uint64_t workloads_version() const override;
  Result<PodList> list_pods(const kube::ObjectKey& pool) override;
  Result<std::vector<kube::Json>> list_claims(const kube::ObjectKey& pool) override;
  Result<std::vector<kube::Json>> list_events(const std::string& name_space, const std::string& kind,
                                              const std::string& uid) override;
  Result<kube::Json> create(const kube::ResourceType& type, const kube::Json& object) override;
  Result<void> create_secret(const kube::Json& secret) override;
  Result<kube::Json> peek(const kube::ResourceType& type, const kube::ObjectKey& key) override;
  Result<kube::Json> apply(const kube::ResourceType& type, const kube::Json& object) override;
  Result<kube::Json> apply_status(const kube::Json& object) override;
  Result<kube::Json> merge_patch(const kube::ResourceType& type, const kube::ObjectKey& key,
                                 const kube::Json& patch) override;
  Result<void> remove(const kube::ResourceType& type, const kube::ObjectKey& key,
                      const std::string& uid) override;
  void record(const kube::Event& event) override;

 private:
  struct Cache {
    kube::ResourceType type;
    std::string name_space;  // empty: all
    std::unique_ptr<kube::Informer> informer;
  };
  // The children and autoscalers of a StoragePool, so that none of them has to be looked for among all of its
  // namespace.
  struct Owned {
    std::uint64_t version = 0;
    std::set<std::pair<std::string_view, std::string>> names;  // kind and name
  };
  void watch(kube::Transport& transport, const kube::ResourceType& type, const std::string& name_space);
  kube::InformerHandlers of_storage_pools();
  kube::InformerHandlers of_namespaces();
  void namespaces_changed();
  kube::InformerHandlers of_children(const kube::ResourceType& type);
  void workloads_changed(kube::Priority priority);
  void child_changed(const kube::ResourceType& type, const kube::ObjectPtr& object, bool there);
  kube::Priority priority_of_change(const kube::ResourceType& type, const std::string& name_space,
                                    kube::Priority otherwise) const;
  // Null: none holds such objects of this namespace; "" for objects that have none.
  kube::Informer* cache_of(const kube::ResourceType& type, const std::string& name_space) const;
  Result<kube::Json> shown(const kube::ResourceType& type, Result<kube::Json> stored);

  const kube::Client& client_;
  kube::EventRecorder& recorder_;
  prometheus::Family<prometheus::Counter>& malformed_;
  Changed changed_;
  std::vector<Cache> caches_;
  std::optional<WorkloadCaches> workloads_;
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t last_version_ = 0;
  std::uint64_t namespaces_version_ = 0;
  std::map<kube::ObjectKey, Owned> owned_;  // by StoragePool, also of one that is gone before them
};

}  // namespace storagepool::reconcile
