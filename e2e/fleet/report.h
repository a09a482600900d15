// The page of a fleet that was simulated: tables, a plot that needs nothing but itself, where it bends, and
// the verdict.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "e2e/fleet/fleet.h"
#include "e2e/fleet/resize.h"

namespace storagepool::e2e {

struct Findings {
  std::uint32_t seed = 0;
  Costs costs;
  struct Run {
    Layout layout;
    Demand demand;
    FleetResult result;
  };
  std::vector<Run> one_server;                           // more and more pods
  std::vector<Run> fleets;                               // more and more servers
  std::vector<std::pair<Resize, ResizeResult>> of_one;   // StoragePool, with more and more pods
  std::vector<std::pair<Resize, ResizeResult>> of_many;  // StoragePools at once
  double erlang_error = 0;                               // of the simulated waits, relative to the formula's
};

// What was promised and is not so, a line each.
std::vector<std::string> broken(const Findings& findings);

std::string fleet_page(const Findings& findings, const std::string& about);

struct Curve {
  std::string label;
  std::vector<std::pair<double, double>> points;  // all above 0
};
// Both axes by powers of ten.
std::string plot(const std::string& title, const std::string& x_label, const std::vector<Curve>& curves);

// The 99th percentile of POSTs by the pods of a server, a curve for each demand, and the time of a resize.
std::string fleet_plot(const Findings& findings);

}  // namespace storagepool::e2e
