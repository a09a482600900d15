// One state of the explored world as plain bytes: what the cluster has, what the operator remembers of it,
// and what is under way between them. Two states that are equal in their bytes behave alike, so whatever
// cannot matter any more is zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace storagepool::reconcile::explorer {

using Byte = std::uint8_t;

inline constexpr int kMostPools = 3;
inline constexpr int kMostPods = 3;
inline constexpr int kMostServers = 2;
inline constexpr Byte kNowhere = kMostServers;  // a host name that leads to no server

// A server, or none.
using Candidate = Byte;
constexpr Candidate candidate_of(Byte server) {
  return static_cast<Candidate>(server + 1);
}

// Generation (1 to 15) and limit (1 to 15) of a grant; 0: none.
using Grant = Byte;
constexpr Grant make_grant(int generation, int limit) {
  return static_cast<Grant>(generation << 4 | limit);
}
constexpr int generation_of(Grant grant) {
  return grant >> 4;
}
constexpr Byte limit_of(Grant grant) {
  return grant & 15;
}

enum Phase : Byte { kNoPod, kPending, kOnNode, kRunning };
enum Seen : Byte { kNotSeen, kSeenPending, kSeenStarted };

// The pod of one ordinal, and what the operator knows of it.
struct Pod {
  Byte phase = kNoPod;
  Byte terminating = 0;
  Byte partitioned = 0;
  Grant mount = 0;    // the grant of the ConfigMap as its node has it
  Grant applied = 0;  // in force, or will be as soon as it runs
  Grant late = 0;     // pushed, and still on its way
  Byte over = 0;      // sockets it holds while they are more than its limit; else 0
  Byte mount_leads_to = 0;
  Candidate mount_candidate = 0;  // that it tries
  Byte mount_is_newest = 0;       // 0 also where it does not matter
  Byte leads_to = 0;              // the server of its new sessions
  Byte left = 0;                  // servers of its old ones, a bit each
  Byte left_behind = 0;           // sockets of one of this name whose node was lost
  // The operator's.
  Byte ended = 0;  // the one that was seen last and is gone ended by itself
  Byte seen = kNotSeen;
  Byte seen_is_this = 0;  // and not one of this name that is gone
  Byte pushed = 0;        // the grant was sent since the look began
  Grant report = 0;       // 0: no answer
  Byte report_over = 0;
  Byte report_leads_to = 0;
  Byte report_left = 0;
  Candidate report_candidate = 0;
  Byte report_is_of_newest = 0;
};

enum Pending : Byte { kNothing, kGrant, kScale, kPush, kList };

// A write that is decided and not yet made.
struct Write {
  Byte kind = kNothing;
  Grant grant = 0;
  Byte ceiling = 0;
  Byte replicas = 0;
  Byte peak = 0;
  Byte leads_to = 0;  // of the ConfigMap
  Byte leaving = 0;   //
  Candidate candidate = 0;
  Byte tried = 0;
  Byte pods = 0;       // to push to, a bit each
  Byte on_newest = 0;  // what it was decided on is still what the API server has
};

// A ConfigMap as the API server has it, or as the operator knows it.
struct ConfigMap {
  Grant grant = 0;  // 0: there is none
  Byte ceiling = 0;
  Byte leads_to = 0;
  Byte leaving = 0;  // as the operator's, when it was written
  Candidate candidate = 0;
  Byte tried = 0;  // likewise
  friend bool operator==(const ConfigMap&, const ConfigMap&) = default;
};

struct StatefulSet {
  Byte exists = 0;
  Byte replicas = 0;
  Byte peak = 0;
  Byte settled = 0;  // its controller has seen the replicas
  friend bool operator==(const StatefulSet&, const StatefulSet&) = default;
};

// What the operator knows of a PostgreSQL server from a StoragePool's own pods.
struct Facts {
  Byte known = 0;  // 1 + the size that was read; 0: nothing
  Byte age = 0;    // order among the StoragePools; the newest is the highest
  friend bool operator==(const Facts&, const Facts&) = default;
};

struct Pool {
  Byte spec = 0;                 // place in the configuration's menu
  Byte gone = 0;                 // deleted and released
  Byte counted = 0;              // likewise, and what a write in doubt may make of it counts
  Byte controller_replicas = 0;  // what the StatefulSet's controller goes by
  ConfigMap config_map;
  StatefulSet stateful_set;
  // The operator's.
  ConfigMap known_config_map;
  StatefulSet known_stateful_set;
  Byte config_map_is_newest = 0;
  Byte stateful_set_is_newest = 0;
  Byte live = 0;           // pods as seen are from the API server, not from a cache
  Byte leaving = 0;        // servers that pods may still use besides, a bit each
  Byte tried = 0;          // servers that each pod may hold one connection to
  Facts facts;             // of the server that the pods are led to
  Facts there;             // of the one where the spec leads, while it is another
  Byte last_ceiling = 0;   // from before the ConfigMap was lost
  Byte last_peak = 0;      // from before the StatefulSet was lost
  Grant status_grant = 0;  // remembered in the status
  Write write;
  // Of pods that are gone (departed.h), in worlds where nodes are lost.
  Byte nodes_are_lost = 0;
  Byte listed = 0;    // 1 + pods that were missing when they were listed; 0: they were not
  Byte cleared = 0;   // PostgreSQL has shown no session of theirs since
  Byte ended = 0;     // of them ended by themselves
  Byte vanished = 0;  // one has gone otherwise, not long ago, and may hold something
  // What writes whose answers were lost may have raised.
  Byte ceiling_in_doubt = 0;
  Byte peak_in_doubt = 0;
  std::array<Pod, kMostPods> pods;
};

// Another workload (OtherSpec).
struct Other {
  Byte replicas = 0;
  Byte most = 0;  // that its autoscaler may ask for; 0: there is none
  Byte pods = 0;  // that do not terminate
  Byte terminating = 0;
  // The operator's.
  Byte known_replicas = 0;
  Byte known_pods = 0;
  Byte known_most = 0;
  Byte now = 0;   // pods that may exist by that
  Byte left = 0;  // so many may have been there until lately, where that is more; else 0
};

struct State {
  std::array<Byte, kMostServers> size{};  // of each server, place in the configuration's menu
  Byte excused = 0;  // a server shrank or another workload grew, and the operator had no time yet
  Byte late_pool = 0;
  Write late;  // of an operator that has lost its place, or one that was given up
  Other other;
  std::array<Pool, kMostPools> pools;
};

static_assert(std::is_trivially_copyable_v<State> && std::has_unique_object_representations_v<State>);

// The bytes of a state of so many StoragePools.
constexpr std::size_t bytes_of(int pools) {
  return sizeof(State) - sizeof(Pool) * static_cast<std::size_t>(kMostPools - pools);
}

std::uint64_t fingerprint(const void* data, std::size_t bytes);

// Renumbers each StoragePool's generations from 1 up, with their order and which of them are neighbours kept,
// and the ages of facts likewise; what nothing refers to any more is forgotten. False: more generations
// matter at once than there are numbers.
bool canonicalize(State& state, int pools);

// Of all that matter to a StoragePool.
int highest_generation(State& state, int pool);

}  // namespace storagepool::reconcile::explorer
