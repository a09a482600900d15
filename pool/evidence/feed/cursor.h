// Where in a log a follower of its feed goes on. It names the entry before, so that it goes on in the log
// that it was given for, or nowhere. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/tlog/tlog.h"

namespace storagepool::evidence {

// Of a log that was never begun anew.
inline constexpr std::int64_t kFirstEpoch = 1;

// "1.<epoch>.<seq>.<8 hexadecimal digits>", opaque to clients.
struct FeedCursor {
  std::int64_t epoch = kFirstEpoch;
  std::uint64_t seq = 0;           // of the entry that comes next
  std::string before{"00000000"};  // how the leaf hash of the entry before begins; of none, zeros

  // No value for anything that write() does not give.
  static std::optional<FeedCursor> read(std::string_view text);
  // Behind the entry with this leaf hash. REQUIRES: seq > 0.
  static FeedCursor after(std::uint64_t seq, const tlog::Hash& leaf);
  std::string write() const;
  friend bool operator==(const FeedCursor&, const FeedCursor&) = default;
};

enum class CursorFault {
  kRolledBack,  // of another log, or of entries that this one has lost and others took the place of
  kBeyond,      // of entries that the log does not have
  kPruned,      // of entries that the log does not have any more, as their events have expired
};
// `size`: of the log, as it is published; `before`: the entry before the cursor, which is only looked at
// where there is one in the log.
std::optional<CursorFault> judge(const FeedCursor& cursor, std::uint64_t size, std::string_view before);

}  // namespace storagepool::evidence
