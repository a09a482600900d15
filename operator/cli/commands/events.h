// Audit events of a StoragePool: the query as its API takes it, and what of pages that are asked for again
// and again is new. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
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

// Path and query; `more` as a filter.
std::string path_of(const EventQuery& query,
                    const std::vector<std::pair<std::string, std::string>>& more = {});

// Of the feed, from this cursor on, waiting for what comes; `latest` only tells the cursor.
std::string feed_path_of(const EventQuery& query, const std::string& from);

std::string event_table(const std::vector<Json>& events, const Paint& paint, bool head);

// Remembers which events were seen.
class Follower {
 public:
  // Of a page, newest first, those that are new, oldest first.
  std::vector<Json> take(const Json& page);
  // From when to ask on: a minute before the newest, since events may come late; nothing before the first.
  std::optional<std::string> since() const;

 private:
  static constexpr std::size_t kMostRemembered = 100'000;

  std::set<std::string> seen_;
  std::deque<std::string> order_;
  std::string newest_;
};

}  // namespace storagepool::cli
