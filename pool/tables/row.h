// How a row of `audit_events` is read: a column for each field (pool/event/fields.h) and the event they make,
// in text that reads the same whatever the session's DateStyle and TimeZone. How rows are written is in
// pool/ingest/rows.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "pool/event/event.h"

namespace storagepool::tables {

// The select list that `read_event` reads.
extern const std::string kEventColumns;

// When an event has been kept for long enough, in SQL: it is not served from then on, and deleted some time
// later. In days of 24 hours: one of timestamptz may have 23 or 25, by the session's time zone.
inline const std::string kExpiresAt = "event_timestamp + retention_days * interval '24 hours'";

// A timestamptz as text that reads the same in every session, and by `parse_timestamp`, in SQL.
inline std::string utc_text(const std::string& column) {
  return "to_char(" + column + R"( AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))";
}

// No value when the row, from its column `first` on, is not one of `kEventColumns`.
std::optional<event::Event> read_event(std::vector<std::optional<std::string>> row, std::size_t first = 0);

}  // namespace storagepool::tables
