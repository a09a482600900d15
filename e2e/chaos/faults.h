// The faults of the matrix: what is done to PostgreSQL, a StoragePool's pods, the cluster and the network
// between them, and how it ends. They are of this machine's processes and network namespaces (node.h), so
// that they begin and end also while the API server is away.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "e2e/support/postgres.h"

namespace storagepool::e2e {

struct Fault {
  std::string name;
  std::string title;
  // Throws when it cannot be done.
  std::function<void()> begin;
  std::function<void()> end = [] {};       // by itself, then
  std::chrono::seconds hold{12};           // between begin and end
  std::function<std::string()> missing{};  // empty once it is seen to have happened; else what is not so yet
  // The status of answers that tell of it. None need come of pods that have been through others: journals
  // that have grown have room of their own on a full volume.
  std::optional<int> refusal{};
};

// What faults are done to; looked up before any of them begins.
struct Targets {
  Postgres& postgres;
  std::string name_space;
  std::string postgres_uid;
  std::vector<std::string> pods{};  // of the StoragePool
  std::vector<pid_t> processes{};   // of its pods, in that order
  unsigned seed = 1;
};

// The names of all, in the order of the report.
std::vector<std::string> fault_names();
// Throws std::out_of_range for another name.
Fault make_fault(const std::string& name, const Targets& targets);
// What the StoragePool's spec must have for it, besides what it has in all scenarios.
nlohmann::json spec_for(const std::string& name);
// What it breaks, the first word of its name.
std::string kind_of(const std::string& name);
// One needs PostgreSQL or a process that another ends, or the API server that another takes away: sorts them
// as they may begin. How a container ended is not seen any more once its node has lost its power.
void in_order(std::vector<Fault>& faults);

}  // namespace storagepool::e2e
