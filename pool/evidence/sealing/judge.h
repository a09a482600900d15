// Whether a log may be sealed on, from what its tables say. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pool/common/tlog/epochs.h"
#include "pool/evidence/sealing/state.h"

namespace storagepool::evidence {

// The row of `audit_log`, as it is there.
struct StateRow {
  LogState state{};
  std::string mac{};
  std::uint32_t xmin = 0;    // of the row: the lower bits of the id of the transaction that wrote it
  std::string_view fault{};  // why the row could not be read; empty: it could
};

// What one look at the tables shows.
struct LogFacts {
  std::optional<StateRow> row{};  // no value: there is none
  std::uint64_t next_tx = 0;      // no transaction has begun with this id or a higher one
  std::int64_t incarnation = 1;   // that new batches get
  std::uint64_t sealed = 0;       // entries up to the end of the last seal
};

// What was shown of the log.
struct Floor {
  std::uint64_t size = 0;
  tlog::Hash root{};
  std::int64_t epoch = tlog::kFirstEpoch;  // of an earlier one than the log's it says nothing
  friend bool operator==(const Floor&, const Floor&) = default;
};

struct Judgement {
  enum class Next {
    kSeal,    // what the cut allows
    kFinish,  // whatever is left of an incarnation to which nothing is added any more
    kClose,   // the incarnation: new batches must get another number first
    kRefuse,
  };
  Next next = Next::kRefuse;
  LogState state{};  // to go on with
  // Of kClose: batches of the incarnation that were written here have higher ids than this, and what has
  // lower ones came with the dump.
  std::uint64_t closed_after = 0;
  std::optional<Alarm> alarm{};
};

// `name`: of the log that this is to be, its origin in its first epoch. A log that has no state yet begins
// with one of no entries.
Judgement judge(const LogFacts& facts, std::string_view name, const std::optional<Floor>& floor,
                LogMacs& macs, tlog::Hasher& hasher);

}  // namespace storagepool::evidence
