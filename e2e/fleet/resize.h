// StoragePools that are all scaled out at one moment, each on a server that is full: the operator's own
// next_step and Ledger decide, workers look and write, pods are pushed to and asked. Pods hold as many
// connections as their limits let them, and let go of half of what is above at once.
#pragma once

#include <cstdint>

#include "e2e/fleet/costs.h"

namespace storagepool::e2e {

struct Resize {
  int storage_pools = 1;  // each on a server of its own
  std::int64_t from = 5;  // pods of each
  std::int64_t to = 10;
  // Of each server: 5 for each pod of `from`, 2 for each of `to`.
  std::int64_t usable() const { return from * 5; }
};

struct ResizeResult {
  bool done = false;           // all came to what was wanted
  double seconds = 0;          // until the last did
  double confirmed = 0;        // until the pods of the last had all confirmed the lower limit
  std::int64_t steps = 0;      // of next_step, for each StoragePool the most
  std::int64_t looks = 0;      // of all
  std::int64_t exchanges = 0;  // with pods
  std::int64_t writes = 0;     // to the API server
  std::int64_t reads = 0;      // of it, beside what watches bring
  double operator_cpu = 0;     // seconds
  std::int64_t most_open = 0;  // connections of one server at any moment
  bool fits = true;            // at every moment, on every server
};

ResizeResult run_resize(const Resize& resize, const Costs& costs, std::uint32_t seed);

}  // namespace storagepool::e2e
