#include "operator/reconcile/reconcile.h"

#include <algorithm>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/account.h"
#include "operator/reconcile/look.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

Status read_status(const Json& object) {
  return parse_status(json::member(object, "status"));
}

}  // namespace

Reconciler::Reconciler(Cluster& cluster, pods::Pods& pods, Options options)
    : cluster_(cluster), pods_(pods), options_(std::move(options)) {}
Reconciler::~Reconciler() = default;

// What a StoragePool may hold counts for its neighbours before it is looked at itself.
Memory& Reconciler::remember(const kube::ObjectKey& key, const kube::ObjectPtr& object, const Moment& now) {
  Memory& memory = memories_[key];
  const render::Identity identity = render::identity_of(*object);
  if (memory.uid != identity.uid) {
    ledger_.remove(memory.uid);
    memory = Memory{};
    memory.uid = identity.uid;
  }
  const Status status = memory.status.update(object, read_status, now.steady).value_or(Status{});
  see_objects(memory, cluster_, identity, now.steady);
  const auto spec = render::parse_spec(*object);
  const Subject subject{.identity = identity,
                        .created = kube::created_at(*object),
                        .spec = spec ? &*spec : nullptr,
                        .deleting = kube::is_deleting(*object)};
  follow_servers(memory, subject, status, now.steady);
  Observed observed = known_objects(memory, status);
  observed.pods.resize(count_pods(key));
  ledger_.put(account_of(memory, subject, observed));
  return memory;
}

std::size_t Reconciler::count_pods(const kube::ObjectKey& key) const {
  const auto pods = cluster_.cached_pods(key);
  return static_cast<std::size_t>(std::count_if(
      pods.begin(), pods.end(), [&](const kube::ObjectPtr& pod) { return read_pod(*pod, key.name); }));
}

void Reconciler::prime(const Moment& now) {
  if (std::exchange(primed_, true)) return;
  for (const kube::ObjectPtr& object : cluster_.cached_storage_pools())
    remember(kube::key_of(*object), object, now);
}

// A StoragePool that went without being drained counts until its pods are gone.
bool Reconciler::forget(const kube::ObjectKey& key) {
  const auto known = memories_.find(key);
  if (known == memories_.end()) return true;
  if (count_pods(key) > 0) return false;
  pods_.follow(key, {});
  ledger_.remove(known->second.uid);
  memories_.erase(known);
  return true;
}

tl::expected<Outcome, kube::ApiError> Reconciler::reconcile(const kube::ObjectKey& key, const Moment& now) {
  prime(now);
  kube::ObjectPtr object = cluster_.cached(kube::resources::kStoragePools, key);
  if (!object) {
    if (forget(key)) return Outcome{};
    return Outcome{.requeue_after = options_.resync, .budget = {}};
  }
  Memory& memory = remember(key, object, now);
  return Look(cluster_, pods_, options_, ledger_, memory, std::move(object), now).run();
}

}  // namespace storagepool::reconcile
