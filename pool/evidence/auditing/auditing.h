// The room of the full audit: whether all that a database stores is as its log has it, and the other way
// round. A pass looks at each entry of the log, proves that the log has it and finds its row by key; then it
// reads each row off the heap, past every index, and finds its entry by the batch that the row names. So a
// row that was deleted, altered or put in behind the log is found, and so is an index that hides one.
// compare.h says what is wrong, pace.h what is done next, progress.h what is remembered, all pure; auditor.h
// does a step at a time, over a connection that its caller has leased.
//
// What no alarm is due to: rows whose time has passed, unless a legal hold keeps them; erased payloads, whose
// digests stay; rows that moved to another partition; rows that name no batch and can be older than the log.
//
// How far a pass has come is in the database, under a MAC whose key the database does not have, for a pod
// may end at any time. Who owns the database can delete it, and a pass begins anew; or put an earlier one in
// its place, and what it says was looked at was so, when that was written. So nothing can be hidden for good
// but by keeping passes from ending, which the time at which the last one that ended has begun shows.
#pragma once

#include <cstdint>

#include "pool/common/runtime/timestamp.h"

namespace storagepool::evidence {

// What a pass that has ended has found.
struct FullAudit {
  runtime::Timestamp began{};
  runtime::Timestamp ended{};
  std::int64_t entries = 0;  // the first of the log
  std::int64_t missing = 0;  // events that the log has, whose time has not passed, and that no key finds
  std::int64_t altered =
      0;  // stored otherwise than the log has them; parts of the log that are not as it was
  // Stored, and the log has no entry of them; of those that name no batch how many more than by the pass
  // before.
  std::int64_t unlogged = 0;
  std::int64_t without_batch = 0;  // that name none: nothing can be said of them
  std::int64_t late = 0;           // of these, of a time when the log had begun
  friend bool operator==(const FullAudit&, const FullAudit&) = default;
};

}  // namespace storagepool::evidence
