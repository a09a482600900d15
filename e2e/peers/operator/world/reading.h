// What an operator has cost so far: its own time and memory, bytes, and the writes that the API server has
// counted (`apiserver_request_total`). Pure but for `memory_of` and `cpu_seconds_of`.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace storagepool::peers {

using Clock = std::chrono::steady_clock;

inline double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// By "VERB resource/subresource", as the API server calls them: APPLY, PATCH, POST, PUT, DELETE.
using Writes = std::map<std::string, std::int64_t>;

// Of the API server's /metrics: what writes, but for dry runs, Leases, what plays the cluster (pods, the
// status of StatefulSets) and users (new StoragePools).
Writes writes_in(std::string_view metrics);

struct Reading {
  Clock::time_point at;
  double cpu_seconds = 0;
  std::int64_t bytes = 0;
  std::int64_t looks = 0;  // controller_runtime_reconcile_total
  Writes writes;
};

struct Memory {
  double now_mib = 0;
  double peak_mib = 0;  // since `forget_peak`
};

// What happened from `before` until `after`, of which `patches` of StoragePools were users'.
nlohmann::json figures(const Reading& before, const Reading& after, const Memory& memory, int patches);

double cpu_seconds_of(pid_t pid);
Memory memory_of(pid_t pid);
void forget_peak(pid_t pid);

}  // namespace storagepool::peers
