#include "operator/reconcile/explorer/steps.h"

#include <algorithm>

namespace storagepool::reconcile::explorer {
namespace {

Byte bit(Byte server) {
  return static_cast<Byte>(1U << server);
}

void forget_report(Pod& pod) {
  pod.report = pod.report_over = pod.report_leads_to = pod.report_left = 0;
  pod.report_candidate = pod.report_is_of_newest = 0;
}

// Somebody else's write: what was decided before it is decided on something old.
void outdate(State& state, Pool& pool, int index, Byte kind) {
  (kind == kGrant ? pool.config_map_is_newest : pool.stateful_set_is_newest) = 0;
  if (state.late.kind == kind && state.late_pool == index) state.late.on_newest = 0;
}

void take_over(Pod& pod, Grant grant) {
  if (generation_of(grant) <= generation_of(pod.applied)) return;
  const Byte sockets = std::max(pod.over, limit_of(pod.applied));
  pod.applied = grant;
  // At the worst it had used its old limit.
  pod.over = sockets > limit_of(grant) ? sockets : 0;
  if (generation_of(pod.late) <= generation_of(grant)) pod.late = 0;
}

void read_mount(Pod& pod) {
  take_over(pod, pod.mount);
  pod.mount = 0;                                        // it only ever matters while it is newer
  const bool refused = pod.mount_leads_to == kNowhere;  // and what it has goes on
  if (pod.leads_to == pod.mount_leads_to || refused) return;
  if (pod.leads_to != kNowhere) pod.left |= bit(pod.leads_to);
  pod.leads_to = pod.mount_leads_to;
  pod.left &= static_cast<Byte>(~bit(pod.leads_to));
}

bool store(State& state, int index, const Write& write, bool on_newest, Fault fault) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  if (write.kind == kGrant) {
    if (!on_newest && fault != Fault::kConfigMapWrittenUnconditionally) return false;
    outdate(state, pool, index, kGrant);
    // A generation that a mount has is of the same contents.
    if (write.grant != pool.config_map.grant)
      for (Pod& pod : pool.pods) pod.mount_is_newest = pod.report_is_of_newest = 0;
    pool.config_map = {.grant = write.grant,
                       .ceiling = std::max(write.ceiling, limit_of(write.grant)),
                       .leads_to = write.leads_to,
                       .leaving = write.leaving,
                       .candidate = write.candidate,
                       .tried = write.tried};
    return true;
  }
  if (!on_newest && fault != Fault::kStatefulSetWrittenUnconditionally) return false;
  outdate(state, pool, index, kScale);
  StatefulSet& set = pool.stateful_set;
  if (set.exists == 0 || set.replicas != write.replicas) set.settled = 0;
  set.exists = 1;
  set.replicas = write.replicas;
  set.peak = std::max(write.peak, write.replicas);
  return true;
}

}  // namespace

void end_look(Pool& pool) {
  pool.live = 0;
  for (Pod& pod : pool.pods) pod.pushed = 0;
  pool.status_grant = make_grant(generation_of(pool.known_config_map.grant), 0);
}

void hear_of_config_map(Pool& pool) {
  ConfigMap& known = pool.known_config_map;
  // 0 stands for not known, and stays.
  const Byte before = known.grant != 0 ? known.ceiling : pool.last_ceiling;
  const bool lost = pool.config_map.grant == 0 && before != 0;
  pool.last_ceiling = lost ? std::max(before, pool.ceiling_in_doubt) : 0;
  if (known.grant != 0 && pool.config_map.grant != 0 && known.leads_to != pool.config_map.leads_to) {
    pool.leaving = (pool.leaving | bit(known.leads_to)) & static_cast<Byte>(~bit(pool.config_map.leads_to));
    pool.facts = pool.there;
    pool.there = {};
  }
  known = pool.config_map;
  pool.config_map_is_newest = 1;
  pool.ceiling_in_doubt = 0;
}

void hear_of_stateful_set(Pool& pool) {
  StatefulSet& known = pool.known_stateful_set;
  const Byte before = known.exists != 0 ? known.peak : pool.last_peak;
  const bool lost = pool.stateful_set.exists == 0;
  pool.last_peak = lost ? std::max(before, pool.peak_in_doubt) : 0;
  known = pool.stateful_set;
  pool.stateful_set_is_newest = 1;
  pool.peak_in_doubt = 0;
  follow_gone(pool, false);
}

void hear_of_pods(Pool& pool) {
  for (Pod& pod : pool.pods) {
    const Seen seen = as_seen(pod);
    if (pod.seen != kNotSeen && pod.seen_is_this == 0 && pool.nodes_are_lost != 0) {
      if (pod.ended != 0) {
        pool.ended = std::min<Byte>(pool.ended + 1, kMostPods);
      } else {
        pool.vanished = 1;
      }
    }
    pod.ended = 0;
    if (seen == kNotSeen || pod.seen_is_this == 0) forget_report(pod), pod.pushed = 0;
    pod.seen = seen;
    pod.seen_is_this = seen == kNotSeen ? 0 : 1;
  }
  follow_gone(pool, false);
}

void ask(State& state, Pool& pool, Pod& pod, const Spec& spec) {
  forget_report(pod);
  if (pod.seen_is_this == 0 || pod.phase != kRunning || pod.partitioned != 0) return;
  pod.report = pod.applied;
  pod.report_over = pod.left_behind > limit_of(pod.applied) ? pod.left_behind : pod.over;
  read_sessions(pool);
  pod.report_leads_to = pod.leads_to;
  pod.report_left = pod.left;
  pod.report_candidate = pod.mount_candidate;
  pod.report_is_of_newest = pod.mount_is_newest;
  const auto read = [&](Byte server) {
    return Facts{.known = static_cast<Byte>(1 + state.size[server]), .age = kMostPools};
  };
  if (pod.leads_to == home_of(pool, spec) && pod.leads_to != kNowhere) pool.facts = read(pod.leads_to);
  const auto destination = destination_of(pool, spec);
  if (destination && *destination != kNowhere && pod.mount_candidate == candidate_of(*destination))
    pool.there = read(*destination);
}

Byte home_of(const Pool& pool, const Spec& spec) {
  return pool.known_config_map.grant != 0 ? pool.known_config_map.leads_to : spec.server;
}

std::optional<Byte> destination_of(const Pool& pool, const Spec& spec) {
  if (!spec.valid || home_of(pool, spec) == spec.server) return std::nullopt;
  return spec.server;
}

// As Look::forget_servers and Look::ensure_config_map.
bool follow_servers(Pool& pool, Fault fault) {
  const ConfigMap& known = pool.known_config_map;
  if (known.grant == 0) return false;
  const auto is_as_led = [&](const Pod& pod) {
    const bool newest = pod.report_is_of_newest != 0 || fault == Fault::kMovedBelievedOfOldMounts;
    const bool says_so = pod.report != 0 && pod.report_leads_to == known.leads_to && pod.report_left == 0 &&
                         pod.report_candidate == known.candidate && newest;
    return pod.seen != kSeenStarted || says_so;
  };
  const Byte tried = known.candidate != 0 ? bit(known.candidate - 1) : 0;
  const bool settled = pool.leaving == 0 && pool.tried == tried;
  const bool as_led =
      pool.ceiling_in_doubt == 0 && std::all_of(pool.pods.begin(), pool.pods.end(), is_as_led);
  if (!settled && as_led && pool.live == 0) {
    pool.write.kind = kList;
    return true;
  }
  const bool forgets = !settled && as_led;
  if (forgets) {
    pool.leaving = 0;
    pool.tried = tried;
  }
  if (known.leaving == pool.leaving && known.tried == pool.tried) return forgets;
  pool.write = {.kind = kGrant,
                .grant = known.grant,
                .ceiling = known.ceiling,
                .leads_to = known.leads_to,
                .leaving = pool.leaving,
                .candidate = known.candidate,
                .tried = pool.tried};
  return true;
}

void put_in_doubt(Pool& pool, const Write& write) {
  pool.ceiling_in_doubt = std::max(pool.ceiling_in_doubt, write.ceiling);
  pool.peak_in_doubt = std::max(pool.peak_in_doubt, write.peak);
}

void restart_operator(State& state, const Configuration& configuration) {
  for (int i = 0; i < configuration.pools(); ++i) {
    Pool& pool = state.pools[static_cast<std::size_t>(i)];
    pool.write = {};
    pool.live = 0;
    hear_of_config_map(pool);
    hear_of_stateful_set(pool);
    pool.last_ceiling = pool.last_peak = 0;
    hear_of_pods(pool);
    pool.listed = pool.cleared = pool.ended = 0;
    pool.vanished = pool.nodes_are_lost != 0 && pool.stateful_set.exists != 0 ? 1 : 0;
    pool.leaving = pool.config_map.leaving;
    pool.tried = pool.config_map.tried;
    pool.there = {};
    for (Pod& pod : pool.pods) forget_report(pod), pod.pushed = 0;
  }
}

void carry_out(State& state, int index, Answer answer, Fault fault) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  const Write write = pool.write;
  pool.write = {};
  if (write.kind == kList) {
    hear_of_pods(pool);
    follow_gone(pool, true);
    pool.live = 1;
    return;
  }
  if (write.kind == kPush) {
    for (std::size_t i = 0; i < pool.pods.size(); ++i) {
      Pod& pod = pool.pods[i];
      if ((write.pods >> i & 1U) == 0) continue;
      pod.pushed = 1;
      const bool arrives = pod.seen_is_this != 0 && pod.phase == kRunning && pod.partitioned == 0;
      if (arrives) pod.late = pool.known_config_map.grant;
    }
    return;
  }
  const bool on_newest =
      (write.kind == kGrant ? pool.config_map_is_newest : pool.stateful_set_is_newest) != 0;
  const bool stored = store(state, index, write, on_newest, fault);
  if (answer == Answer::kIsLost) {
    end_look(pool);
    put_in_doubt(pool, write);
  } else if (!stored) {
    end_look(pool);
  } else if (write.kind == kGrant) {
    pool.live = 0;
    hear_of_config_map(pool);
  } else {
    pool.live = 0;
    hear_of_stateful_set(pool);
  }
}

void land(State& state, Fault fault) {
  const Write write = state.late;
  const int index = state.late_pool;
  state.late = {};
  state.late_pool = 0;
  store(state, index, write, write.on_newest != 0, fault);
}

void remove_pod(Pod& pod) {
  const Pod gone = pod;
  pod = {};
  pod.left_behind = gone.left_behind;
  pod.ended = gone.seen_is_this != 0 ? 1 : gone.ended;
  pod.seen = gone.seen;
  pod.pushed = gone.pushed;
  pod.report = gone.report;
  pod.report_over = gone.report_over;
  pod.report_leads_to = gone.report_leads_to;
  pod.report_left = gone.report_left;
  pod.report_candidate = gone.report_candidate;
  pod.report_is_of_newest = gone.report_is_of_newest;
}

void create_pod(Pod& pod) {
  pod.phase = kPending;
}

void to_node(const Pool& pool, Pod& pod) {
  pod.phase = kOnNode;
  hear_of_mount(pool, pod);
}

void start_pod(Pod& pod) {
  pod.phase = kRunning;
  pod.over = pod.left = 0;
  pod.leads_to = pod.mount_leads_to;
  read_mount(pod);
}

void deliver(Pod& pod) {
  take_over(pod, pod.late);
  pod.late = 0;
}

void hear_of_mount(const Pool& pool, Pod& pod) {
  pod.mount = pool.config_map.grant;
  pod.mount_leads_to = pool.config_map.leads_to;
  pod.mount_candidate = pool.config_map.candidate;
  pod.mount_is_newest = 1;
  if (pod.phase == kRunning) read_mount(pod);
}

void release(Pod& pod) {
  (pod.over > 0 ? pod.over : pod.left) = 0;
}

void see_stateful_set(State& state, int index) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  outdate(state, pool, index, kScale);
  pool.stateful_set.settled = 1;
  pool.controller_replicas = pool.stateful_set.replicas;
}

void change_spec(Pool& pool, Byte spec, const Configuration& configuration) {
  const Byte before = configuration.menu[pool.spec].server;
  const Byte after = configuration.menu[spec].server;
  pool.spec = spec;
  if (before != after) pool.there = {};
}

void delete_config_map(State& state, int index) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  if (pool.config_map.grant != 0) outdate(state, pool, index, kGrant);
  pool.config_map = {};
}

void delete_stateful_set(State& state, int index) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  if (pool.stateful_set.exists != 0) outdate(state, pool, index, kScale);
  pool.stateful_set = {};
  pool.controller_replicas = 0;
}

// As Look::finish_deletion.
void release_pool(Pool& pool, Fault fault) {
  pool.gone = 1;
  pool.write = {};
  pool.there = {};
  pool.listed = pool.cleared = pool.ended = pool.vanished = 0;
  pool.live = 0;
  pool.status_grant = 0;
  pool.counted = pool.peak_in_doubt != 0 && fault != Fault::kReleasedInDoubtCountsNothing ? 1 : 0;
  if (pool.counted == 0) forget_released(pool);
}

void collect(State& state, int index) {
  delete_config_map(state, index);
  delete_stateful_set(state, index);
}

// As Reconciler::may_still_start.
bool may_be_forgotten(const Pool& pool) {
  return pool.config_map.grant == 0 &&
         std::all_of(pool.pods.begin(), pool.pods.end(), [](const Pod& pod) { return pod.phase == kNoPod; });
}

void forget_released(Pool& pool) {
  pool.counted = 0;
  pool.known_config_map = {};
  pool.known_stateful_set = {};
  pool.tried = pool.leaving = pool.last_ceiling = pool.last_peak = pool.ceiling_in_doubt =
      pool.peak_in_doubt = 0;
}

Seen as_seen(const Pod& pod) {
  if (pod.phase == kNoPod) return kNotSeen;
  return pod.phase == kPending ? kSeenPending : kSeenStarted;
}

bool pods_are_as_seen(const Pool& pool) {
  return std::all_of(pool.pods.begin(), pool.pods.end(), [](const Pod& pod) {
    return pod.seen == as_seen(pod) && (pod.seen == kNotSeen || pod.seen_is_this != 0);
  });
}

bool mount_is_behind(const Pool& pool, const Pod& pod) {
  const ConfigMap& now = pool.config_map;
  if (now.grant == 0 || pod.phase < kOnNode) return false;
  if (pod.mount_leads_to != now.leads_to || pod.mount_candidate != now.candidate) return true;
  const bool matters = (pool.leaving | pool.tried | now.leaving | now.tried) != 0;
  if (matters && pod.mount_is_newest == 0) return true;
  return pod.phase == kOnNode ? pod.mount != now.grant
                              : generation_of(now.grant) > generation_of(pod.applied);
}

int lowest_missing(const Pool& pool) {
  for (int i = 0; i < pool.controller_replicas; ++i) {
    if (pool.pods[static_cast<std::size_t>(i)].phase == kNoPod) return i;
  }
  return -1;
}

int may_use(const Pod& pod, int server) {
  // What a predecessor has left is taken off the pod's own limit (pool/service/monitor/predecessor.h).
  if (pod.left_behind != 0)
    return server == 0 ? std::max({pod.left_behind, pod.over, limit_of(pod.applied)}) : 0;
  if (pod.phase != kRunning) return 0;
  const bool there = pod.leads_to == server || (pod.left >> server & 1U) != 0;
  if (there) return std::max(pod.over, limit_of(pod.applied));
  return pod.mount_candidate == candidate_of(static_cast<Byte>(server)) ? 1 : 0;
}

}  // namespace storagepool::reconcile::explorer
