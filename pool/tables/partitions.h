// The monthly partitions of `audit_events` (`audit_events_y2026m11`: UTC, from inclusive, until exclusive)
// and the end of events that have been kept for long enough. What is to be done is decided by
// `plan_partitions`, pure; `maintain` does it. Any number of pods may call it at once: one does the work, the
// others skip.
//
// An event is kept for at least its `retention_days` of 24 hours, and not served any more from then on
// (pool/reading). Its month is dropped whole when every event in it has been kept for long enough, and never
// before two months have begun after it, so that no event within the limits of validation meets a dropped
// month. Until then what has expired in it is deleted row by row, in small transactions; so is what lies in
// `audit_events_default` (an event of a time for which no month was made), which is never dropped. What a
// legal hold keeps stays until it is released, by then in `audit_events_default` if its month is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/postgres/connection.h"

namespace storagepool::tables {

// A partition other than the default one, as the database has it, of our making or not.
struct Partition {
  std::string name;
  std::optional<runtime::Timestamp> from{};   // no value: unbounded
  std::optional<runtime::Timestamp> until{};  // likewise
};

struct PartitionSettings {
  std::chrono::hours oldest_event{7 * 24};  // that validation lets in
  int months_ahead = 3;                     // made besides the current month, at least 1
};

struct PartitionPlan {
  std::vector<std::chrono::year_month> create;     // oldest first; no existing partition reaches into them
  std::vector<std::chrono::year_month> ours;       // partitions of our making, oldest first
  std::vector<std::chrono::year_month> droppable;  // of these, old enough, if every event in it has expired
};

PartitionPlan plan_partitions(runtime::Timestamp now, std::span<const Partition> existing,
                              const PartitionSettings& settings = {});

std::string partition_name(std::chrono::year_month month);
std::chrono::year_month month_of(runtime::Timestamp time);
// The first moment of the month and of the next one.
std::pair<runtime::Timestamp, runtime::Timestamp> bounds_of(std::chrono::year_month month);

inline constexpr std::int64_t kMaxDeleted = 5000;    // rows, by one call
inline constexpr std::int64_t kDeletedAtOnce = 500;  // rows, in one transaction

// What one call did.
struct Maintenance {
  bool skipped = false;              // another pod is at it; what is told besides was done before
  std::vector<std::string> created;  // names of partitions
  std::vector<std::string> dropped;
  std::vector<std::string> postponed;  // somebody held a lock that it needs; to be tried again soon
  std::int64_t moved = 0;              // events between the default partition and one created or dropped
  std::int64_t deleted = 0;            // expired events, beside those of dropped months
  bool unfinished = false;             // there was more to delete than kMaxDeleted
  // What a statement on all of audit_events locks, with indexes, and what the server has room for altogether
  // (max_locks_per_transaction for each connection). Lists take a few of them (pool/reading/windows.h); a
  // dump or a migration takes all.
  std::int64_t locks_of_all = 0;
  std::int64_t locks_of_server = 0;

  // Whether something was left that is worth another call soon.
  bool again_soon() const { return !postponed.empty() || unfinished; }
};

// For a connection outside a transaction, after `migrate`; to be called every few hours (a month that is not
// there in time costs only the move of its events). Until `deadline`; after an error the call can be
// repeated. Inserts into months and reads that name their time go on meanwhile, but for two steps that hold
// up everything on audit_events: the move of events from the default partition to a month that is made, for
// as long as that takes, and the moment of a drop. While another month is attached, for some milliseconds,
// inserts into the default partition and reads that do not name their time wait. Whatever waits for a lock
// that is only wanted, because a long statement has another, does so for less than half a second: the step is
// postponed then, and with it all that would need the same lock. The clock of the database is asked as well:
// a pod whose clock is ahead drops nothing early.
boost::asio::awaitable<tl::expected<Maintenance, postgres::Error>> maintain(postgres::Connection& connection,
                                                                            runtime::Timestamp now,
                                                                            postgres::Deadline deadline,
                                                                            PartitionSettings settings = {});

// The first part of it, the months that are missing: for before the first event.
boost::asio::awaitable<tl::expected<Maintenance, postgres::Error>> create_months(
    postgres::Connection& connection, runtime::Timestamp now, postgres::Deadline deadline,
    PartitionSettings settings = {});

}  // namespace storagepool::tables
