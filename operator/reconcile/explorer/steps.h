// Single steps of the operator and of the cluster, each a change of a state. They say nothing about when a
// step is possible, only what it does.
#pragma once

#include <optional>

#include "operator/reconcile/explorer/configuration.h"
#include "operator/reconcile/explorer/faults.h"
#include "operator/reconcile/explorer/state.h"

namespace storagepool::reconcile::explorer {

// --- the operator
// The look is over: what it has seen live is a cache from now on, and what was sent may be sent again.
void end_look(Pool& pool);
void hear_of_config_map(Pool& pool);
void hear_of_stateful_set(Pool& pool);
void hear_of_pods(Pool& pool);
// Pods fewer than count, and whether they may still have sessions (departed.h).
int missing_pods(const Pool& pool);
void follow_gone(Pool& pool, bool listed);
bool may_linger(const Pool& pool);
void read_sessions(Pool& pool);  // that the server shows to a pod
void wait_long(Pool& pool);      // as long as PostgreSQL takes to let go
// Takes over the answer of a pod, or that there is none.
void ask(State& state, Pool& pool, Pod& pod, const Spec& spec);
// What the write may have raised counts until its object is seen in another version.
void put_in_doubt(Pool& pool, const Write& write);
// A new operator, which knows what the API server has and nothing of the pods.
void restart_operator(State& state, const Configuration& configuration);

// After all else: forgets the servers that no pod uses any more, and keeps the ConfigMap as it should be.
// False: there is nothing to do.
bool follow_servers(Pool& pool, Fault fault);
// Where the ConfigMap leads the pods, as far as the operator knows; and where the spec does, if elsewhere.
Byte home_of(const Pool& pool, const Spec& spec);
std::optional<Byte> destination_of(const Pool& pool, const Spec& spec);

enum class Answer { kArrives, kIsLost };
// Carries out what is decided. A write that was decided on something older than the API server has is
// refused.
void carry_out(State& state, int pool, Answer answer, Fault fault);
// The write that came late, if the object still is what it was decided on.
void land(State& state, Fault fault);

// --- the cluster
void remove_pod(Pod& pod);
void lose_node(Pod& pod);
void create_pod(Pod& pod);
void to_node(const Pool& pool, Pod& pod);
void start_pod(Pod& pod);  // its container, for the first time or again
void deliver(Pod& pod);
void hear_of_mount(const Pool& pool, Pod& pod);
void release(Pod& pod);
void see_stateful_set(State& state, int pool);  // its controller
void change_spec(Pool& pool, Byte spec, const Configuration& configuration);
void delete_config_map(State& state, int pool);
void delete_stateful_set(State& state, int pool);
void release_pool(Pool& pool, Fault fault);  // its finalizer is gone
void collect(State& state, int pool);        // and with it its objects
bool may_be_forgotten(const Pool& pool);     // what is counted of one that is gone
void forget_released(Pool& pool);

// --- what is looked at in more than one place
Seen as_seen(const Pod& pod);
bool pods_are_as_seen(const Pool& pool);
bool mount_is_behind(const Pool& pool, const Pod& pod);
int lowest_missing(const Pool& pool);  // pod that its controller creates next; -1: none
// Connections that the pod may hold to the server.
int may_use(const Pod& pod, int server);

}  // namespace storagepool::reconcile::explorer
