#include "operator/reconcile/reconcile.h"

#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/member.h"
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
  const kube::ObjectPtr config_map =
      cached_own(cluster_, kube::resources::kConfigMaps, {key.name_space, render::config_map_name(key.name)},
                 identity.uid);
  if (memory.uid != identity.uid) {
    memory = Memory{};
    memory.uid = identity.uid;
    if (config_map) memory.member.leaving = kube::annotation(*config_map, render::kLeavingAnnotation);
  }
  const Status status = memory.status.update(object, read_status, now.steady).value_or(Status{});
  const auto spec = render::parse_spec(*object);
  if (!spec) return memory;
  const std::string target = memory.target;
  follow_spec(memory, identity, *spec, status);
  if (memory.target != target) memory.target_since = now.steady;
  memory.granted.update(config_map, read_config_map, now.steady);
  memory.workload.update(cached_own(cluster_, kube::resources::kStatefulSets, key, identity.uid),
                         read_stateful_set, now.steady);
  follow_objects(memory, spec->sizing, last_ceiling(status));
  return memory;
}

std::vector<Member> Reconciler::members() const {
  std::vector<Member> all;
  all.reserve(memories_.size());
  for (const auto& [key, memory] : memories_) all.push_back(memory.member);
  return all;
}

tl::expected<Outcome, kube::ApiError> Reconciler::reconcile(const kube::ObjectKey& key, const Moment& now) {
  if (!primed_) {
    for (const kube::ObjectPtr& object : cluster_.cached_storage_pools())
      remember(kube::key_of(*object), object, now);
    primed_ = true;
  }
  kube::ObjectPtr object = cluster_.cached(kube::resources::kStoragePools, key);
  if (!object) {
    memories_.erase(key);
    pods_.follow(key, {});
    return Outcome{};
  }
  Memory& memory = remember(key, object, now);
  return Look(cluster_, pods_, options_, memory, members(), std::move(object), now).run();
}

}  // namespace storagepool::reconcile
