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

struct Configuration {
  const char* name = "";
  const char* about = "";
  std::vector<Spec> menu;
  std::vector<std::vector<Byte>> specs;  // of each StoragePool, places in the menu; the first is the start
  std::vector<Byte> sizes{6};            // that servers may have; the first is the start
  std::vector<What> events;              // beyond those of every world
  bool starts_settled = false;           // all is done before anything happens
  bool all_serve = false;                // pods begin at a server that exists, and are to stay at one
  // Only that the objects themselves count what pods may hold, not that the operator knows and the sum fits.
  bool by_objects_alone = false;
  std::size_t most_states = 1'000'000;

  int pools() const { return static_cast<int>(specs.size()); }
  const Spec& spec_of(const State& state, int pool) const {
    return menu[state.pools[static_cast<std::size_t>(pool)].spec];
  }
};

}  // namespace storagepool::reconcile::explorer
