// `top`: what each pod's connections do now. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/cli/output/output.h"
#include "operator/cli/commands/pools.h"

namespace storagepool::cli {

enum class SortBy { kName, kInUse, kOpen, kWaiting, kWaits, kEvents, kJournal };

struct TopRow {
  std::string pool;  // "namespace/name"
  std::string pod;
  bool answers = false;
  std::int64_t limit = 0;
  std::int64_t open = 0;
  std::int64_t in_use = 0;
  std::int64_t waiting = 0;
  std::int64_t journal_events = 0;
  // Per second since the look before; absent at the first one, and after a restart of the pod.
  std::optional<double> waits{};
  std::optional<double> events{};
};

// `before`: as of `passed` ago; empty at the first look.
std::vector<TopRow> rows_of(const std::vector<Pool>& pools, const PodSamples& before, const PodSamples& now,
                            std::chrono::milliseconds passed, SortBy order);
Json to_json(const std::vector<TopRow>& rows);
std::string to_table(const std::vector<TopRow>& rows, const Paint& paint);

}  // namespace storagepool::cli
