// Which of a log's first entries may go, and with which batches. Pure. An entry goes when its event has
// expired and is not stored any more, no hold keeps it, and so have all before it; of a month only when all
// of the month has expired. What goes ends where a tile does, and others have been shown a log that has it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "pool/common/tlog/tile.h"
#include "pool/evidence/proving/places.h"
#include "pool/evidence/sealing/state.h"

namespace storagepool::evidence {

// After its event has expired and after its batch was committed an entry stays on: who has begun to do
// something with it has ended by then, on any pod.
inline constexpr std::chrono::hours kStaysOn{24};
inline constexpr std::uint64_t kMaxPruned = std::uint64_t{60} * tlog::kTileWidth;  // entries, at once

// What audit_expiry says of a month.
struct LogMonth {
  runtime::Date expires{};  // the last day on which one of its events does
  std::uint64_t first_seq = 0;
};

// Up to where entries may go, as far as can be told without them; min_index of the state: none may. `floor`:
// entries of the log that others were shown.
std::uint64_t prune_limit(const LogState& state, std::uint64_t floor, std::span<const LogMonth> months,
                          runtime::Timestamp now);
// Likewise by their batches; `seals` are those that have the entries up to `limit`.
std::uint64_t settled_limit(std::uint64_t min_index, std::uint64_t limit, std::span<const SealRow> seals,
                            runtime::Timestamp now);

// Of correlations that legal holds keep.
using Tags = std::set<std::array<std::uint8_t, kTagBytes>>;
// The first of these entries, one after the other, that have expired and are not held.
std::vector<Entry> expired_entries(std::string_view entries, const Tags& held, runtime::Timestamp now);

// Up to where entries go of which so many from `min_index` on have expired. `stored`: the number, from 0, of
// the first whose event is stored.
std::uint64_t prune_end(std::uint64_t min_index, std::size_t expired, std::optional<std::size_t> stored);

// The batches all of whose entries are before `end`, but for those that went when `min_index` was the end.
// The one with the last entry before it stays, by which a cursor that ends there is known. `seals` are those
// that have the entries from min_index - 1 up to `end`.
std::vector<std::int64_t> batches_before(std::uint64_t min_index, std::uint64_t end,
                                         std::span<const SealRow> seals);

}  // namespace storagepool::evidence
