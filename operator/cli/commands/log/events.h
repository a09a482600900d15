// Audit events of a StoragePool: the query as its API takes it, and how events are shown. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "operator/cli/output/output.h"

namespace storagepool::cli {

struct EventQuery {
  std::string workspace;  // empty: the system database
  std::vector<std::pair<std::string, std::string>> filters;
  std::int64_t limit = 50;
};

// What its paths begin with, up to `audit`.
std::string base_of(const std::string& workspace);
// Path and query; `more` as a filter.
std::string path_of(const EventQuery& query,
                    const std::vector<std::pair<std::string, std::string>>& more = {});

// Of the feed, from this cursor on, waiting for what comes; `latest` only tells the cursor.
std::string feed_path_of(const EventQuery& query, const std::string& from);

std::string event_table(const std::vector<Json>& events, const Paint& paint, bool head);

}  // namespace storagepool::cli
