#include "e2e/fleet/database.h"

#include <utility>

namespace storagepool::e2e {

void Disk::sync(Simulation::Act done) {
  waiting_.push_back(std::move(done));
  if (!busy_) begin();
}

void Disk::begin() {
  busy_ = true;
  simulation_.after(seconds_, [this, served = std::exchange(waiting_, {})] {
    busy_ = false;
    if (!waiting_.empty()) begin();
    for (const Simulation::Act& done : served) done();
  });
}

}  // namespace storagepool::e2e
