// What happens when nothing goes wrong any more: first all is mended and under way arrives, then the cluster
// does its work, the caches follow, and only then the operator takes its next step. Each is the first thing
// in this order that changes anything, so that it depends on the state alone.
#include <algorithm>
#include <cstring>

#include "operator/reconcile/explorer/steps.h"
#include "operator/reconcile/explorer/world.h"

namespace storagepool::reconcile::explorer {
namespace {

Event event_of(What what, int pool = 0, int pod = 0) {
  return {what, static_cast<Byte>(pool), static_cast<Byte>(pod), 0};
}

}  // namespace

std::optional<Event> World::calm(State& state) {
  const int pools = configuration_.pools();
  std::optional<Event> event;
  if (state.late.kind != kNothing) {
    event = event_of(What::kNoLateWrite, state.late_pool);
    state.late = {};
    state.late_pool = 0;
  }
  if (!event) event = calm_other(state);
  for (int i = 0; !event && i < pools; ++i) event = calm_pods(state, i);
  for (int i = 0; !event && i < pools; ++i) event = calm_cluster(state, i);
  for (int i = 0; !event && i < pools; ++i) event = calm_caches(state, i);
  for (int i = 0; !event && i < pools; ++i) {
    if (state.pools[static_cast<std::size_t>(i)].write.kind == kNothing) continue;
    event = event_of(What::kWrite, i);
    carry_out(state, i, Answer::kArrives, fault_);
  }
  for (int i = 0; !event && i < pools; ++i) event = calm_operator(state, i);
  if (!event) return event;
  if (state.excused != 0) note_excuse(state);
  canonicalize(state, pools);
  return event;
}

std::optional<Event> World::calm_pods(State& state, int index) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  for (int i = 0; i < kMostPods; ++i) {
    Pod& pod = pool.pods[static_cast<std::size_t>(i)];
    if (pod.left_behind != 0) return pod.left_behind = 0, event_of(What::kLetGo, index, i);
    if (pod.partitioned != 0) return pod.partitioned = 0, event_of(What::kPartition, index, i);
    if (pod.late != 0) return deliver(pod), event_of(What::kDeliver, index, i);
    if (pod.terminating != 0) return remove_pod(pod), event_of(What::kEnd, index, i);
    if (pod.phase == kPending && pool.config_map.grant != 0)
      return to_node(pool, pod), event_of(What::kToNode, index, i);
    if (pod.phase == kOnNode) return start_pod(pod), event_of(What::kStart, index, i);
    if (mount_is_behind(pool, pod)) return hear_of_mount(pool, pod), event_of(What::kMount, index, i);
    if (pod.over > 0 || pod.left != 0) return release(pod), event_of(What::kRelease, index, i);
  }
  return std::nullopt;
}

std::optional<Event> World::calm_cluster(State& state, int index) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  if (pool.gone != 0 && (pool.config_map.grant != 0 || pool.stateful_set.exists != 0))
    return collect(state, index), event_of(What::kCollect, index);
  if (pool.stateful_set.exists != 0 && pool.stateful_set.settled == 0) {
    see_stateful_set(state, index);
    return event_of(What::kController, index);
  }
  if (const int missing = lowest_missing(pool); missing >= 0) {
    create_pod(pool.pods[static_cast<std::size_t>(missing)]);
    return event_of(What::kCreate, index, missing);
  }
  for (int i = pool.controller_replicas; i < kMostPods; ++i) {
    Pod& pod = pool.pods[static_cast<std::size_t>(i)];
    if (pod.phase == kNoPod) continue;
    pod.terminating = 1;
    return event_of(What::kCondemn, index, i);
  }
  return std::nullopt;
}

std::optional<Event> World::calm_caches(State& state, int index) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  if (pool.counted != 0) return forget_released(pool), event_of(What::kForgetDoubt, index);
  if (pool.gone != 0 || pool.write.kind != kNothing) return std::nullopt;
  if (pool.config_map_is_newest == 0) {
    end_look(pool);
    hear_of_config_map(pool);
    return event_of(What::kCacheConfigMap, index);
  }
  if (pool.stateful_set_is_newest == 0) {
    end_look(pool);
    hear_of_stateful_set(pool);
    return event_of(What::kCacheStatefulSet, index);
  }
  if (pool.ceiling_in_doubt != 0 || pool.peak_in_doubt != 0) {
    pool.ceiling_in_doubt = pool.peak_in_doubt = 0;
    return event_of(What::kForgetDoubt, index);
  }
  if (!pods_are_as_seen(pool)) {
    end_look(pool);
    hear_of_pods(pool);
    return event_of(What::kCachePods, index);
  }
  if (may_linger(pool) || pool.vanished != 0) {
    wait_long(pool);
    return event_of(What::kWaitedLong, index);
  }
  for (int i = 0; i < kMostPods; ++i) {
    Pod& pod = pool.pods[static_cast<std::size_t>(i)];
    if (pod.seen == kNotSeen) continue;
    const Pod before = pod;
    const Facts facts = pool.facts;
    const bool outdated = std::any_of(state.pools.begin(), state.pools.end(), [&](const Pool& other) {
      return other.facts.known > 0 && other.facts.known != facts.known && other.facts.age > facts.age;
    });
    ask(state, pool, pod, configuration_.spec_of(state, index));
    const bool news = std::memcmp(&before, &pod, sizeof(pod)) != 0 || facts.known != pool.facts.known;
    if (news || (outdated && pool.facts.age > facts.age)) return event_of(What::kAsk, index, i);
    pool.facts = facts;
  }
  return std::nullopt;
}

std::optional<Event> World::calm_operator(State& state, int index) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  if (!may_decide(state, index)) return std::nullopt;
  if (decide(state, index)) return event_of(What::kDecide, index);
  bool sent = false;
  for (const Pod& pod : pool.pods) sent |= pod.pushed != 0;
  if (!sent) return std::nullopt;
  end_look(pool);
  return event_of(What::kDecide, index);
}

}  // namespace storagepool::reconcile::explorer
