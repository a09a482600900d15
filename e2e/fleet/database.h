// A PostgreSQL server: its cores, its disk, and the connections that are open to it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "e2e/fleet/costs.h"
#include "e2e/fleet/simulation.h"

namespace storagepool::e2e {

// Syncs the log; all that wait when one begins are done with it.
class Disk {
 public:
  Disk(Simulation& simulation, double seconds) : simulation_(simulation), seconds_(seconds) {}
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  void sync(Simulation::Act done);

 private:
  void begin();

  Simulation& simulation_;
  double seconds_;
  bool busy_ = false;
  std::vector<Simulation::Act> waiting_;
};

struct Database {
  Database(Simulation& simulation, const Costs& costs, int processors, std::int64_t usable_connections)
      : usable(usable_connections), cores(simulation, processors), disk(simulation, costs.sync) {}

  const std::int64_t usable;
  std::int64_t open = 0;  // connections, with those that are being opened
  std::int64_t most_open = 0;
  Station cores;
  Disk disk;

  void connect() { most_open = std::max(most_open, ++open); }
};

}  // namespace storagepool::e2e
