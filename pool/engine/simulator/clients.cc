// Those who use the pool: they come, wait, give up, use a connection and bring it back.
#include <algorithm>

#include "pool/engine/simulator/simulator.h"

namespace storagepool::engine::simulator {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

void Simulator::acquire() {
  acquire_one(any_database());
}

void Simulator::burst() {
  coverage_.saw(Seen::kBursts);
  const int database = any_database();
  for (int left = 2 + below(2 * shape_.max_open); left > 0; --left) {
    acquire_one(chance(0.7) ? database : any_database());
  }
}

// As the driver does: the socket of the connection that would be used is looked at before.
void Simulator::acquire_one(int database) {
  if (static_cast<int>(model_.waiters().size()) + model_.total().of(State::kInUse) >= clients_) return;
  for (auto id = core_.candidate(model_.name(database)); id && model_.connection(*id).dead;
       id = core_.candidate(model_.name(database))) {
    coverage_.saw(Seen::kFoundDead);
    lose(*id);
  }
  const TimePoint deadline =
      chance(0.05) ? now_ - up_to(milliseconds(1))
                   : now_ + up_to(milliseconds(chance(impatience_) ? 40 : 4000)) + nanoseconds(1);
  begin("acquire", database);
  if (chance(0.5) && take_idle(database, deadline)) return;
  const WaiterId id = core_.acquire(now_, model_.name(database), deadline);
  model_.acquired(id, database, deadline);
  settle();
}

// The short way, which must end as the long one does.
bool Simulator::take_idle(int database, TimePoint deadline) {
  const auto id = core_.acquire_idle(now_, model_.name(database), deadline, up_to(milliseconds(4000)));
  if (id == 0) return false;
  coverage_.saw(Seen::kTakenIdle);
  const WaiterId nobody = ~++taken_;  // no waiter in the core has such an id
  model_.acquired(nobody, database, deadline);
  core_.take_actions(actions_);
  actions_.emplace_back(Hand{nobody, id});
  model_.settle(actions_);
  return true;
}

// A caller who gives up between being handed a connection and taking it: the driver brings it back.
void Simulator::abandon() {
  const auto id = any(State::kInUse);
  if (!id) return;
  coverage_.saw(Seen::kAbandoned);
  release_one(*id, true);
}

void Simulator::release() {
  if (const auto id = any(State::kInUse)) release_one(*id, chance(0.9));
}

void Simulator::release_one(ConnectionId id, bool healthy) {
  const Connection connection = model_.connection(id);
  if (connection.dead) {
    coverage_.saw(Seen::kDiedBusy);
    begin("doubt");
    model_.doubted();
    core_.doubt(now_);
    settle();
  }
  const bool reusable = healthy && !connection.dead;
  begin(reusable ? "release" : "release, not reusable", connection.database);
  model_.came_back(id, reusable);
  if (reusable && chance(0.5) && core_.release_idle(now_, id)) {
    coverage_.saw(Seen::kGivenBackIdle);
  } else {
    core_.release(now_, id, reusable);
  }
  settle();
}

}  // namespace storagepool::engine::simulator
