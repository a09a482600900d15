// The Deployments and StatefulSets of a cluster that are no StoragePool's, cached: of those that declare what
// they hold (other_workload.h) what is read of them, of the others next to nothing. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/kube/watch/informer.h"
#include "operator/kube/workqueue.h"
#include "operator/reconcile/cluster/cluster.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::reconcile {

class WorkloadCaches {
 public:
  // Called from informer threads when something has changed that counts.
  using Changed = std::function<void(kube::Priority priority)>;

  // All outlive the caches.
  WorkloadCaches(kube::Transport& transport, prometheus::Family<prometheus::Counter>& malformed,
                 Changed changed);

  void start();
  void stop();
  std::string waiting_for() const;  // as KubeCluster has it

  // Of the cache of autoscalers; `before` is null of a new one, `object` of one that is gone.
  void see_autoscaler(const kube::ObjectPtr& before, const kube::ObjectPtr& object);

  std::vector<DeclaredWorkload> list() const;
  std::uint64_t version() const;  // another one whenever those may be others; 0: there never was one

 private:
  using Id = std::pair<std::string_view, kube::ObjectKey>;  // kind
  // What an autoscaler does to one.
  struct Scales {
    Id target;
    std::string name;
    std::int64_t most = 0;
    friend bool operator==(const Scales&, const Scales&) = default;
  };

  static std::optional<Scales> scales(const kube::ResourceType& type, const kube::ObjectPtr& autoscaler);
  kube::InformerHandlers handlers_of(const kube::ResourceType& type);
  void see(const kube::ResourceType& type, const kube::ObjectPtr& before, const kube::ObjectPtr& object);
  void count_change(const kube::ResourceType& type);

  struct Cache {
    kube::ResourceType type;
    std::unique_ptr<kube::Informer> informer;
  };
  prometheus::Family<prometheus::Counter>& malformed_;
  Changed changed_;
  std::vector<Cache> caches_;
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t version_ = 0;
  std::set<Id> declaring_;
  std::map<Id, std::map<std::string, std::int64_t>> maxima_;  // of the autoscalers that scale it, by name
};

}  // namespace storagepool::reconcile
