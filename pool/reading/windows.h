// How a list walks through time, pure. A statement locks every partition that its times leave to the planner,
// with each of its indexes, and a server has shared memory for max_locks_per_transaction of these locks for
// each of its connections. So a list over many months is read in windows of a few months each, in its order,
// and goes no further than its page and its total need. Together the windows cover all of time, so
// that nothing depends on which partitions there are just now.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "pool/common/runtime/timestamp.h"
#include "pool/reading/query.h"

namespace storagepool::reading {

// With the default partition, the table itself and nine locks for each, eleven with all of spec.indexes, that
// is some 90 to 110 locks, of which PostgreSQL keeps 16 elsewhere and has room for 2 × 64 for each
// connection, as it comes.
inline constexpr int kMonthsAtOnce = 8;

struct Window {
  std::optional<runtime::Timestamp> from{};   // inclusive; no value: unbounded
  std::optional<runtime::Timestamp> until{};  // exclusive; likewise
  friend bool operator==(const Window&, const Window&) = default;
};

// The first and the last of the monthly partitions.
struct Months {
  std::chrono::year_month oldest;
  std::chrono::year_month newest;
};

// At least one, in the order of the list. One without bounds when the query itself leaves no more than
// kMonthsAtOnce.
std::vector<Window> windows_of(const ListQuery& query, const std::optional<Months>& months);

}  // namespace storagepool::reading
