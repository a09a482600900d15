// A bounded world to explore: how many StoragePools, what their specs may become, and what may happen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "operator/reconcile/explorer/state.h"

namespace storagepool::reconcile::explorer {

// One thing that happens. Up to kRelease they happen in every world, the others where they are listed.
enum class What : Byte {
  // the operator
  kDecide,
  kWrite,
  kCacheConfigMap,    // its cache hears of the newest one
  kCacheStatefulSet,  //
  kCachePods,         //
  kAsk,               // a pod's report
  // the cluster
  kController,  // the StatefulSet's controller reads it
  kCreate,      // and creates the lowest pod that is missing
  kCondemn,     // and deletes one that is too many
  kToNode,
  kStart,
  kEnd,
  kDeliver,  // a pushed grant arrives
  kRelease,  // sockets above the limit are closed
  // what may go wrong, or be asked for
  kMount,        // a node hears of the newest ConfigMap
  kRestart,      // of a container
  kEvict,        // a pod is deleted, by whoever it may be
  kLoseNode,     // a pod that was seen is gone and its sockets are not
  kLetGo,        // PostgreSQL misses the answers of one that is gone
  kWaitedLong,   // longer than that takes
  kPartition,    // a pod cannot be asked, or can again
  kLoseMessage,  // a pushed grant does not arrive
  kRefuse,       // a write is not made, and the operator knows
  kLoseAnswer,   // a write is made, and the operator does not know
  kLoseWrite,    // a write is not made, and the operator does not know
  kGiveUp,       // a write is under way, and the operator waits for it no longer
  kForgetDoubt,  // so long ago that it cannot be made any more
  kCrash,        // of the operator, which is there again at once
  kPause,        // it loses its place to another one while it is about to write
  kLateWrite,    // a write that was under way reaches the API server
  kNoLateWrite,
  kSpec,
  kServer,  // max_connections changes
  kDeleteConfigMap,
  kDeleteStatefulSet,
  kCollect,  // what belongs to a StoragePool that is gone goes as well; at once where it is not listed
  // of another workload, in worlds that have one
  kOtherAsks,      // for so many replicas: somebody, or an autoscaler
  kAutoscaler,     // comes or goes
  kOtherCreates,   // a pod
  kOtherCondemns,  // one that is too many
  kOtherEnds,
  kCacheOther,  // the operator's cache hears of it
  kCacheAutoscaler,
  kOtherLongGone,  // longer ago than a pod takes to end
  kCount,
};

struct Event {
  What what = What::kCount;
  Byte pool = 0;
  Byte pod = 0;
  Byte to = 0;  // the spec, or the server's size
};

struct Spec {
  Byte replicas = 0;
  Byte limit = 1;  // asked of each pod
  Byte min = 1;
  Byte server = 0;
  bool strict = false;
  bool valid = true;
  bool deleting = false;
};

// A StatefulSet of somebody else on the first server that declares what its pods hold. Of those that
// terminate nobody tells, as for a Deployment before Kubernetes 1.35.
struct OtherSpec {
  Byte connections = 1;        // of each pod
  std::vector<Byte> replicas;  // that may be asked for; the first is the start; none: there is no workload
  Byte most = 0;               // that an autoscaler may ask for; 0: there is never one
};

struct Configuration {
  const char* name = "";
  const char* about = "";
  std::vector<Spec> menu;
  std::vector<std::vector<Byte>> specs;  // of each StoragePool, places in the menu; the first is the start
  std::vector<Byte> sizes{6};            // that servers may have; the first is the start
  std::vector<What> events;              // beyond those of every world
  OtherSpec other = {};
  bool starts_settled = false;  // all is done before anything happens
  bool all_serve = false;       // pods begin at a server that exists, and are to stay at one
  // Only that the objects themselves count what pods may hold, not that the operator knows and the sum fits.
  bool by_objects_alone = false;
  std::size_t most_states = 1'000'000;

  int pools() const { return static_cast<int>(specs.size()); }
  const Spec& spec_of(const State& state, int pool) const {
    return menu[state.pools[static_cast<std::size_t>(pool)].spec];
  }
};

}  // namespace storagepool::reconcile::explorer
