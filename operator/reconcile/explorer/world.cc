#include "operator/reconcile/explorer/world.h"

#include <algorithm>
#include <cstring>

#include "operator/reconcile/explorer/steps.h"

namespace storagepool::reconcile::explorer {
namespace {

Pool& pool_of(State& state, int pool) {
  return state.pools[static_cast<std::size_t>(pool)];
}
const Pool& pool_of(const State& state, int pool) {
  return state.pools[static_cast<std::size_t>(pool)];
}
Pod& pod_of(State& state, int pool, int pod) {
  return pool_of(state, pool).pods[static_cast<std::size_t>(pod)];
}

Event event_of(What what, int pool = 0, int pod = 0, int to = 0) {
  return {what, static_cast<Byte>(pool), static_cast<Byte>(pod), static_cast<Byte>(to)};
}

// Whether what a write of this kind was decided on still is what the API server has.
bool is_newest(const Pool& pool, Byte kind) {
  return (kind == kGrant ? pool.config_map_is_newest : pool.stateful_set_is_newest) != 0;
}

// As Look::claim_servers and Look::config_map.
void claim_servers(Pool& pool, Byte home) {
  const auto bit = [](unsigned server) { return static_cast<Byte>(1U << server); };
  Write& write = pool.write;
  Byte leaving = pool.leaving;
  if (write.leads_to != home) {
    pool.leaving |= bit(write.leads_to);
    leaving |= bit(home);
  }
  if (write.candidate != 0) pool.tried |= bit(write.candidate - 1U);
  write.leaving = leaving & static_cast<Byte>(~bit(write.leads_to));
  write.tried = pool.tried;
}

}  // namespace

World::World(const Configuration& configuration, Fault fault)
    : configuration_(configuration),
      fault_(fault),
      decisions_(configuration, fault),
      others_(configuration, fault),
      happens_(static_cast<std::size_t>(What::kCount)) {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(What::kRelease); ++i) happens_[i] = true;
  for (const What what : configuration.events) happens_[static_cast<std::size_t>(what)] = true;
}

State World::start() {
  State state{};
  for (int i = 0; i < configuration_.pools(); ++i) {
    Pool& pool = pool_of(state, i);
    pool.spec = configuration_.specs[static_cast<std::size_t>(i)].front();
    pool.config_map_is_newest = pool.stateful_set_is_newest = 1;
    pool.nodes_are_lost = happens(What::kLoseNode) ? 1 : 0;
  }
  if (!configuration_.other.replicas.empty()) {
    Other& other = state.other;
    other.replicas = other.known_replicas = configuration_.other.replicas.front();
    others_.follow(other, false);
  }
  return state;
}

void World::successors(const State& state, std::vector<Successor>& out) {
  out.clear();
  from_ = &state;
  out_ = &out;
  for (int pool = 0; pool < configuration_.pools(); ++pool) {
    operator_events(pool);
    cluster_events(pool);
    for (int pod = 0; pod < kMostPods; ++pod) pod_events(pool, pod);
  }
  shared_events();
  other_events();
}

void World::end_of_change() {
  Successor& made = out_->back();
  if (made.state.excused != 0) note_excuse(made.state);
  const bool fits = canonicalize(made.state, configuration_.pools());
  if (!fits) ++cut_;
  if (!fits || std::memcmp(&made.state, from_, bytes_of(configuration_.pools())) == 0) out_->pop_back();
}

bool World::may_decide(const State& state, int index) const {
  const Pool& pool = pool_of(state, index);
  return pool.gone == 0 && pool.write.kind == kNothing && configuration_.spec_of(state, index).valid;
}

// False: there is nothing to do.
bool World::decide(State& state, int index) {
  Pool& pool = pool_of(state, index);
  const Spec& spec = configuration_.spec_of(state, index);
  const Decision& decision = decisions_.of(state, index);
  if (decision.write.kind == kNothing && !spec.deleting) return follow_servers(pool, fault_);
  if (decision.write.kind == kNothing) {
    if (decision.done == 0) return false;
    release_pool(pool, fault_);
    if (!happens(What::kCollect)) collect(state, index);
    return true;
  }
  const int unused = highest_generation(state, index) + 1;
  pool.write = decision.write;
  if (decision.skips_generations != 0) pool.write.grant = make_grant(unused, limit_of(pool.write.grant));
  if (pool.write.kind == kGrant) {
    claim_servers(pool, home_of(pool, spec));
  }
  const bool raise =
      pool.write.kind == kGrant && limit_of(pool.write.grant) > limit_of(pool.known_config_map.grant);
  if (fault_ == Fault::kGrantPushedBeforeCeilingIsWritten && raise) {
    for (Pod& pod : pool.pods) {
      if (pod.phase == kRunning && pod.partitioned == 0) pod.late = pool.write.grant;
    }
  }
  return true;
}

void World::operator_events(int index) {
  const Pool& pool = pool_of(*from_, index);
  if (pool.counted != 0 && may_be_forgotten(pool)) {
    add(event_of(What::kForgetDoubt, index), [&](State& next) { forget_released(pool_of(next, index)); });
  }
  if (pool.gone != 0) return;
  if (may_decide(*from_, index)) {
    add(event_of(What::kDecide, index), [&](State& next) {
      if (!decide(next, index)) end_look(pool_of(next, index));
    });
  }
  if (pool.write.kind != kNothing) return write_events(index);
  cache_events(index);
  // No longer than until the object could not be another one any more.
  const bool under_way = from_->late.kind != kNothing && from_->late_pool == index;
  const bool ceiling = pool.ceiling_in_doubt != 0 && pool.config_map_is_newest != 0 && !under_way;
  const bool peak = pool.peak_in_doubt != 0 && pool.stateful_set_is_newest != 0 && !under_way;
  if (happens(What::kForgetDoubt) && (ceiling || peak)) {
    add(event_of(What::kForgetDoubt, index), [&](State& next) {
      (ceiling ? pool_of(next, index).ceiling_in_doubt : pool_of(next, index).peak_in_doubt) = 0;
    });
  }
}

void World::write_events(int index) {
  const Pool& pool = pool_of(*from_, index);
  const Byte kind = pool.write.kind;
  add(event_of(What::kWrite, index), [&](State& next) { carry_out(next, index, Answer::kArrives, fault_); });
  if (kind != kGrant && kind != kScale) return;
  if (happens(What::kRefuse)) {
    add(event_of(What::kRefuse, index), [&](State& next) {
      pool_of(next, index).write = {};
      end_look(pool_of(next, index));
    });
  }
  if (happens(What::kLoseAnswer) && is_newest(pool, kind)) {
    add(event_of(What::kLoseAnswer, index),
        [&](State& next) { carry_out(next, index, Answer::kIsLost, fault_); });
  }
  if (happens(What::kLoseWrite)) {
    add(event_of(What::kLoseWrite, index), [&](State& next) {
      put_in_doubt(pool_of(next, index), pool.write);
      pool_of(next, index).write = {};
      end_look(pool_of(next, index));
    });
  }
  if (from_->late.kind != kNothing) return;
  const auto leave_under_way = [&](State& next) {
    next.late = pool.write;
    next.late.on_newest = is_newest(pool, kind) ? 1 : 0;
    next.late_pool = static_cast<Byte>(index);
  };
  if (happens(What::kPause)) {
    add(event_of(What::kPause, index), [&](State& next) {
      leave_under_way(next);
      restart_operator(next, configuration_);
    });
  }
  if (happens(What::kGiveUp)) {
    add(event_of(What::kGiveUp, index), [&](State& next) {
      leave_under_way(next);
      put_in_doubt(pool_of(next, index), pool.write);
      pool_of(next, index).write = {};
      end_look(pool_of(next, index));
    });
  }
}

// A look goes by what it saw as it began: what caches hear meanwhile is for the next one.
void World::cache_events(int index) {
  const Pool& pool = pool_of(*from_, index);
  const auto hear = [&](What what, void (*how)(Pool&)) {
    add(event_of(what, index), [&](State& next) {
      if (fault_ != Fault::kPodsListedBeforeObjectsWereRead) end_look(pool_of(next, index));
      how(pool_of(next, index));
    });
  };
  const bool gone =
      std::all_of(pool.pods.begin(), pool.pods.end(), [](const Pod& pod) { return pod.left_behind == 0; });
  if (gone && (may_linger(pool) || pool.vanished != 0)) {
    add(event_of(What::kWaitedLong, index), [&](State& next) { wait_long(pool_of(next, index)); });
  }
  if (pool.config_map_is_newest == 0) hear(What::kCacheConfigMap, hear_of_config_map);
  if (pool.stateful_set_is_newest == 0) hear(What::kCacheStatefulSet, hear_of_stateful_set);
  if (pool.live == 0 && !pods_are_as_seen(pool)) hear(What::kCachePods, hear_of_pods);
}

void World::cluster_events(int index) {
  const Pool& pool = pool_of(*from_, index);
  if (pool.stateful_set.exists != 0 && pool.stateful_set.settled == 0) {
    add(event_of(What::kController, index), [&](State& next) { see_stateful_set(next, index); });
  }
  if (const int missing = lowest_missing(pool); missing >= 0) {
    add(event_of(What::kCreate, index, missing),
        [&](State& next) { create_pod(pod_of(next, index, missing)); });
  }
  if (happens(What::kSpec) && pool.gone == 0 && !configuration_.spec_of(*from_, index).deleting) {
    for (const Byte spec : configuration_.specs[static_cast<std::size_t>(index)]) {
      add(event_of(What::kSpec, index, 0, spec),
          [&](State& next) { change_spec(pool_of(next, index), spec, configuration_); });
    }
  }
  const bool has_objects = pool.config_map.grant != 0 || pool.stateful_set.exists != 0;
  if (pool.gone != 0 && has_objects)
    add(event_of(What::kCollect, index), [&](State& next) { collect(next, index); });
  if (happens(What::kDeleteConfigMap) && pool.config_map.grant != 0) {
    add(event_of(What::kDeleteConfigMap, index), [&](State& next) { delete_config_map(next, index); });
  }
  if (happens(What::kDeleteStatefulSet) && pool.gone == 0 && pool.stateful_set.exists != 0) {
    add(event_of(What::kDeleteStatefulSet, index), [&](State& next) { delete_stateful_set(next, index); });
  }
}

void World::pod_events(int index, int ordinal) {
  const Pool& pool = pool_of(*from_, index);
  const Pod& pod = pool.pods[static_cast<std::size_t>(ordinal)];
  const auto change = [&](What what, auto how) {
    add(event_of(what, index, ordinal), [&](State& next) { how(pod_of(next, index, ordinal)); });
  };
  if (pod.seen != kNotSeen && pool.gone == 0) {
    add(event_of(What::kAsk, index, ordinal), [&](State& next) {
      ask(next, pool_of(next, index), pod_of(next, index, ordinal), configuration_.spec_of(next, index));
    });
  }
  if (pod.left_behind != 0) change(What::kLetGo, [](Pod& next) { next.left_behind = 0; });
  const bool was_seen = pod.seen_is_this != 0 && pod.seen == kSeenStarted;
  if (happens(What::kLoseNode) && pod.phase == kRunning && was_seen) change(What::kLoseNode, lose_node);
  if (pod.phase == kNoPod) return;
  const auto condemn = [](Pod& next) { next.terminating = 1; };
  if (pod.terminating != 0) {
    change(What::kEnd, remove_pod);
  } else {
    if (ordinal >= pool.controller_replicas) change(What::kCondemn, condemn);
    if (happens(What::kEvict)) change(What::kEvict, condemn);
    if (pod.phase == kOnNode) change(What::kStart, start_pod);
    if (pod.phase == kPending && pool.config_map.grant != 0)
      change(What::kToNode, [&](Pod& next) { to_node(pool, next); });
  }
  if (pod.late != 0) change(What::kDeliver, deliver);
  if (pod.late != 0 && happens(What::kLoseMessage))
    change(What::kLoseMessage, [](Pod& next) { next.late = 0; });
  if (pod.over > 0 || pod.left != 0) change(What::kRelease, release);
  if (happens(What::kMount) && mount_is_behind(pool, pod))
    change(What::kMount, [&](Pod& next) { hear_of_mount(pool, next); });
  if (pod.phase != kRunning) return;
  if (happens(What::kRestart)) change(What::kRestart, start_pod);
  if (happens(What::kPartition))
    change(What::kPartition, [](Pod& next) { next.partitioned = next.partitioned == 0 ? 1 : 0; });
}

void World::shared_events() {
  if (happens(What::kCrash)) {
    add(event_of(What::kCrash), [&](State& next) { restart_operator(next, configuration_); });
  }
  if (from_->late.kind != kNothing) {
    add(event_of(What::kLateWrite, from_->late_pool), [&](State& next) { land(next, fault_); });
    add(event_of(What::kNoLateWrite, from_->late_pool),
        [](State& next) { next.late = {}, next.late_pool = 0; });
  }
  if (!happens(What::kServer)) return;
  for (std::size_t size = 0; size < configuration_.sizes.size(); ++size) {
    add(event_of(What::kServer, 0, 0, static_cast<int>(size)), [&](State& next) {
      const bool shrinks = configuration_.sizes[size] < configuration_.sizes[next.size[0]];
      next.size[0] = static_cast<Byte>(size);
      if (shrinks) next.excused = 1;
    });
  }
}

}  // namespace storagepool::reconcile::explorer
