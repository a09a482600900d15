// `status`: a tree of servers, the StoragePools on each and their pods, what is not as it should be, in
// words, and what to do about it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/cli/output/output.h"
#include "operator/cli/commands/pools.h"

namespace storagepool::cli {

// What a pod says now; where it does not answer, what the status of its StoragePool has.
struct PodReport {
  std::string name;
  bool ready = false;
  bool answers = false;
  std::int64_t generation = 0;  // of the settings in force; 0: not known
  std::optional<std::int64_t> limit{};
  std::optional<std::int64_t> open{};
  std::optional<std::int64_t> in_use{};
  std::optional<std::int64_t> waiting{};
  std::optional<std::int64_t> journal_events{};
  std::int64_t journal_age_seconds = 0;
  std::int64_t set_aside = 0;  // units
};

struct Trouble {
  std::string condition;  // "PostgresReachable=False"; empty: it is no condition that says so
  std::string reason;
  std::string message;
  std::string remedy;  // may be empty
};

struct PoolReport {
  std::string name_space;
  std::string name;
  bool ready = false;        // the condition
  std::string reason;        // of the condition Ready
  std::string ready_pods;    // "2/3"
  std::int64_t per_pod = 0;  // limits granted
  std::int64_t granted = 0;
  std::int64_t generation = 0;
  std::vector<PodReport> pods;
  std::vector<Trouble> troubles;
};

struct ServerReport {
  std::string name;     // host:port of the first StoragePool there; empty: not known
  std::string version;  // "16.10"
  std::optional<std::int64_t> max_connections{};
  std::int64_t reserved = 0;
  std::int64_t usable = 0;
  std::int64_t granted = 0;  // to the StoragePools that are shown
  std::vector<PoolReport> pools;
};

struct StatusReport {
  std::vector<ServerReport> servers;
  std::vector<std::string> notes;  // what could not be asked

  bool all_ready() const;
};

StatusReport report_status(const std::vector<Pool>& pools, const PodSamples& samples);
Json to_json(const StatusReport& report);
std::string to_table(const StatusReport& report, const Paint& paint);

}  // namespace storagepool::cli
