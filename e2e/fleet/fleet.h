// A fleet under traffic: pods of StoragePools on PostgreSQL servers, with the limits that the operator's own
// planner and Ledger come to.
#pragma once

#include <cstdint>
#include <string>

#include "e2e/fleet/costs.h"

namespace storagepool::e2e {

struct Layout {
  int servers = 1;
  int pods =
      10;  // of all, spread evenly over the servers; those of a server are of two StoragePools, or of one
  std::int64_t max_connections = 500;
  int cores = 4;                     // of each server
  std::int64_t max_open_conns = 50;  // that each pod asks for: profile Medium
};

struct Demand {
  double posts = 20'000;  // a second, on each server
  double lists = 500;
  double warm_up = 0.3;  // seconds that are not counted
  double seconds = 0.5;
};

struct FleetResult {
  std::int64_t pods = 0;       // that the planner lets run
  std::int64_t per_pod = 0;    // the least limit
  std::int64_t usable = 0;     // of a server
  std::int64_t most_open = 0;  // connections of one server at any moment
  bool fits = true;            // at every moment, on every server
  bool conserved = true;       // what came was answered or is inside
  double events_per_second = 0;
  double batch = 0;  // events of a commit
  double post_p50 = 0;
  double post_p99 = 0;
  double list_p99 = 0;
  double thread_utilisation = 0;  // of the pods' own threads
  double server_utilisation = 0;  // of the servers' cores
  std::int64_t simulated = 0;     // discrete events
  std::string shortage;           // of the planner, where not all that is asked is given
};

FleetResult run_fleet(const Layout& layout, const Demand& demand, const Costs& costs, std::uint32_t seed);

}  // namespace storagepool::e2e
