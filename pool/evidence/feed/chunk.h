// What a part of the log's entries is to a follower of its feed. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/event.h"
#include "pool/reading/statements.h"

namespace storagepool::evidence {

struct LoggedEvent {
  std::uint64_t seq = 0;
  reading::EventKey key{};
  runtime::Timestamp expires_at{};
};
// Of entries from `first` on, one after the other: as many as one statement looks for, which is not in more
// than reading::kMonthsAtOnce months. No value where one cannot be read.
std::optional<std::vector<LoggedEvent>> read_entries(std::uint64_t first, std::string_view entries);

// The event's item with `seq` before its other members.
std::string item_of(std::uint64_t seq, const event::Event& event);
// In the place of an item that is not stored any more: `expired`, or `missing` if its time has not come.
std::string gone_item_of(const LoggedEvent& event, runtime::Timestamp now);

}  // namespace storagepool::evidence
