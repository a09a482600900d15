// What must hold in every state, and what all comes to when faults end.
#include <algorithm>

#include "operator/reconcile/explorer/steps.h"
#include "operator/reconcile/explorer/world.h"

namespace storagepool::reconcile::explorer {
namespace {

int pods_use(const Pool& pool, int server) {
  int sum = 0;
  for (const Pod& pod : pool.pods) sum += may_use(pod, server);
  return sum;
}

bool has_pods(const Pool& pool) {
  return std::any_of(pool.pods.begin(), pool.pods.end(), [](const Pod& pod) { return pod.phase != kNoPod; });
}

// A pod that is as granted and does not go.
bool serves(const Pool& pool, const Pod& pod) {
  return pod.phase == kRunning && pod.terminating == 0 && pod.applied == pool.config_map.grant &&
         pod.over == 0;
}

std::string name(int pool) {
  return "StoragePool " + std::to_string(pool);
}

}  // namespace

std::string World::sum_broken(const State& state) const {
  for (int server = 0; server < kMostServers; ++server) {
    int sum = server == 0 ? held(state.other, configuration_) : 0;
    for (const Pool& pool : state.pools) sum += pods_use(pool, server);
    const int usable = configuration_.sizes[state.size[static_cast<std::size_t>(server)]];
    if (sum <= usable) continue;
    return "S1: pods may hold " + std::to_string(sum) + " of " + std::to_string(usable) +
           " connections of server " + std::to_string(server);
  }
  return {};
}

std::string World::count_broken(const State& state) const {
  const int holds = held(state.other, configuration_);
  const int counts = counted(state.other, configuration_);
  if (holds <= counts) return {};
  return "L: pods of another workload may hold " + std::to_string(holds) +
         " connections, and the operator counts " + std::to_string(counts);
}

std::string World::claim_broken(const State& state, int index) {
  const Pool& pool = state.pools[static_cast<std::size_t>(index)];
  Counted counted{.connections = pool.stateful_set.peak * pool.config_map.ceiling, .servers = 255};
  if (!configuration_.by_objects_alone) counted = decisions_.claim(state, index);
  for (int server = 0; server < kMostServers; ++server) {
    const int uses = pods_use(pool, server);
    const int claim = counted.on(server);
    if (uses <= claim) continue;
    return "L: pods of " + name(index) + " may hold " + std::to_string(uses) + " connections to server " +
           std::to_string(server) + ", and " +
           (configuration_.by_objects_alone ? "its objects count " : "the operator counts ") +
           std::to_string(claim);
  }
  return {};
}

std::string World::violation(const State& state) {
  std::string broken;
  if (state.excused == 0 && !configuration_.by_objects_alone) broken = sum_broken(state);
  if (state.excused == 0 && broken.empty()) broken = count_broken(state);
  for (int i = 0; i < configuration_.pools() && broken.empty(); ++i) {
    const Pool& pool = state.pools[static_cast<std::size_t>(i)];
    if (pool.gone != 0 && has_pods(pool) && !happens(What::kCollect))
      return name(i) + " was released while it has pods";
    broken = claim_broken(state, i);
    if (broken.empty() && configuration_.all_serve && pool.config_map.leads_to == kNowhere)
      broken = "E11: " + name(i) + " leads its pods to where none was admitted";
    const bool decides = pool.gone == 0 && configuration_.spec_of(state, i).valid;
    if (broken.empty() && decides && decisions_.of(state, i).explained == 0)
      broken = "S3: " + name(i) + " gets less than it needs, and no condition says why";
  }
  return broken;
}

// A server that shrank is excused until the operator knows its size and has come down to it. Another workload
// that grew likewise: pods that came and were to go before the operator heard of them have ended then.
void World::note_excuse(State& state) {
  int claimed = counted(state.other, configuration_);
  if (!is_heard(state.other) || held(state.other, configuration_) > claimed) return;
  const Pool* newest = nullptr;
  for (int i = 0; i < configuration_.pools(); ++i) {
    const Pool& pool = state.pools[static_cast<std::size_t>(i)];
    if (pool.write.kind == kGrant || pool.write.kind == kScale) return;
    const Counted counted = decisions_.claim(state, i);
    claimed += counted.on(0);
    if (pool.facts.known > 0 && (newest == nullptr || pool.facts.age > newest->facts.age)) newest = &pool;
  }
  const bool known = newest != nullptr && newest->facts.known == state.size[0] + 1;
  if (known && claimed <= configuration_.sizes[state.size[0]]) state.excused = 0;
}

std::string World::unfinished(const State& state) {
  for (int i = 0; i < configuration_.pools(); ++i) {
    const Pool& pool = state.pools[static_cast<std::size_t>(i)];
    const Spec& spec = configuration_.spec_of(state, i);
    if (pool.gone != 0 || !spec.valid) continue;
    if (spec.deleting) return name(i) + " is not released";
    const Decision& decision = decisions_.of(state, i);
    const auto serving =
        std::count_if(pool.pods.begin(), pool.pods.end(), [&](const Pod& pod) { return serves(pool, pod); });
    if (decision.done == 0 || serving != decision.replicas) {
      return name(i) + (decision.done == 0 ? " waits" : " is done") + " with " + std::to_string(serving) +
             " of " + std::to_string(decision.replicas) + " pods: " + decisions_.explain(state, i);
    }
  }
  return {};
}

}  // namespace storagepool::reconcile::explorer
