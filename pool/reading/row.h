// How a row of `audit_events` is read: the columns and the event they make, in text that reads the same
// whatever the session's DateStyle and TimeZone. How rows are written is in pool/ingest/rows.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pool/event/event.h"

namespace storagepool::reading {

// The select list that `read_event` reads, to be followed by `event_data`.
extern const std::string kEventColumns;

// No value when the row is not one of `kEventColumns` and `event_data`.
std::optional<event::Event> read_event(std::vector<std::optional<std::string>> row);

}  // namespace storagepool::reading
