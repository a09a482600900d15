// Pods that are gone and what PostgreSQL holds of them: as Departed (operator/reconcile/view/departed.h) goes
// by it.
#include <algorithm>

#include "operator/reconcile/explorer/steps.h"

namespace storagepool::reconcile::explorer {

int missing_pods(const Pool& pool) {
  int there = 0;
  int beside = 0;
  for (int i = 0; i < kMostPods; ++i) {
    if (pool.pods[static_cast<std::size_t>(i)].seen == kNotSeen) continue;
    ++there;
    beside += i >= pool.known_stateful_set.replicas ? 1 : 0;
  }
  const int peak = std::max<int>({pool.known_stateful_set.peak, pool.last_peak, pool.peak_in_doubt, there});
  return peak - pool.known_stateful_set.replicas - beside;
}

// As Departed::follow.
void follow_gone(Pool& pool, bool listed) {
  if (pool.nodes_are_lost == 0) return;
  const int missing = missing_pods(pool);
  const bool settled = pool.known_stateful_set.exists == 0 || pool.known_stateful_set.settled != 0;
  if (missing <= 0) pool.ended = 0;
  if (pool.listed != 0 && (pool.listed - 1 != missing || !settled)) pool.listed = pool.cleared = 0;
  if (missing > 0 && settled && listed && pool.listed == 0) pool.listed = static_cast<Byte>(1 + missing);
}

bool may_linger(const Pool& pool) {
  const bool all_ended = pool.ended + 1 >= pool.listed && pool.vanished == 0;
  return pool.listed != 0 && pool.cleared == 0 && !all_ended;
}

void wait_long(Pool& pool) {
  pool.vanished = 0;
  pool.cleared = pool.listed != 0 ? 1 : 0;
}

// As Departed::read.
void read_sessions(Pool& pool) {
  const bool shown = std::any_of(pool.pods.begin(), pool.pods.end(), [](const Pod& pod) {
    return pod.seen != kSeenStarted && (pod.left_behind != 0 || pod.phase == kRunning);
  });
  if (pool.nodes_are_lost == 0) return;
  pool.cleared = !shown && pool.listed != 0 ? 1 : 0;
  pool.vanished = shown ? 1 : 0;
}

void lose_node(Pod& pod) {
  const Byte sockets = std::max({pod.left_behind, pod.over, limit_of(pod.applied)});
  remove_pod(pod);
  pod.left_behind = sockets;
  pod.ended = 0;
}

}  // namespace storagepool::reconcile::explorer
