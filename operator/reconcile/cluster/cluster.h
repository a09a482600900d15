// What reconciling needs of Kubernetes, as an interface: cached reads that cost nothing, two live reads,
// and writes. All calls block. The implementation over informers and the API client is kube_cluster.h; tests
// put a small fake in place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "operator/kube/events.h"
#include "operator/kube/kube.h"
#include "operator/kube/watch/informer.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::reconcile {

struct PodList {
  std::vector<kube::Json> pods;
  runtime::TimePoint answered;  // by when they had been listed
};

// A Deployment or StatefulSet that is no StoragePool's and declares what it holds (other_workload.h).
struct DeclaredWorkload {
  kube::ResourceType type;
  kube::ObjectPtr object;
  std::int64_t max_replicas = 0;  // that an autoscaler may ask for; 0: there is none
};

class Cluster {
 public:
  template <typename T>
  using Result = tl::expected<T, kube::ApiError>;

  Cluster() = default;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  virtual ~Cluster() = default;

  // Another number whenever an object of the StoragePool in the caches, itself or a child, has changed, or a
  // namespace has come or gone.
  virtual std::uint64_t version(const kube::ObjectKey& pool) const = 0;
  // From the cache, or as it was written if that is newer; null: not there.
  virtual kube::ObjectPtr cached(const kube::ResourceType& type, const kube::ObjectKey& key) const = 0;
  // Another number whenever that gives another object; 0: none. Costs less than a microsecond.
  virtual std::uint64_t cached_version(const kube::ResourceType& type, const kube::ObjectKey& key) const = 0;
  virtual std::vector<kube::ObjectPtr> cached_storage_pools() const = 0;
  // Of the objects of this type, pods or claims, with `pool`'s labels.
  virtual std::vector<std::string> cached_names(const kube::ResourceType& type,
                                                const kube::ObjectKey& pool) const = 0;
  // Those that exist, in order.
  virtual std::vector<std::string> cached_namespaces() const = 0;
  // The HorizontalPodAutoscalers that scale it.
  virtual std::vector<kube::ObjectPtr> cached_autoscalers(const kube::ObjectKey& pool) const = 0;

  // All that there are; none where they are not watched.
  virtual std::vector<DeclaredWorkload> cached_workloads() const = 0;
  // Another number whenever those may be others; 0: there never was one.
  virtual std::uint64_t workloads_version() const = 0;

  virtual Result<PodList> list_pods(const kube::ObjectKey& pool) = 0;
  virtual Result<std::vector<kube::Json>> list_claims(const kube::ObjectKey& pool) = 0;
  // About the object of this kind ("Pod") with this uid.
  virtual Result<std::vector<kube::Json>> list_events(const std::string& name_space, const std::string& kind,
                                                      const std::string& uid) = 0;
  // Fails with 409 Conflict when there is one.
  virtual Result<kube::Json> create(const kube::ResourceType& type, const kube::Json& object) = 0;
  // Makes a Secret, with no right but that; fails with 409 AlreadyExists when there is one.
  virtual Result<void> create_secret(const kube::Json& secret) = 0;
  // As it is now, without a right to read it.
  virtual Result<kube::Json> peek(const kube::ResourceType& type, const kube::ObjectKey& key) = 0;
  virtual Result<kube::Json> apply(const kube::ResourceType& type, const kube::Json& object) = 0;
  virtual Result<kube::Json> apply_status(const kube::Json& object) = 0;
  virtual Result<kube::Json> merge_patch(const kube::ResourceType& type, const kube::ObjectKey& key,
                                         const kube::Json& patch) = 0;
  // Only if it still is the object with this uid (409 otherwise).
  virtual Result<void> remove(const kube::ResourceType& type, const kube::ObjectKey& key,
                              const std::string& uid) = 0;
  virtual void record(const kube::Event& event) = 0;
};

}  // namespace storagepool::reconcile
