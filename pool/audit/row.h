// How an event maps to a row of `audit_events`: the columns, the parameters of an INSERT and back from a
// result, all in text that reads the same whatever the session's DateStyle and TimeZone.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/audit/event.h"
#include "pool/postgres/connection.h"

namespace storagepool::audit {

// INSERT of one event whose parameters are those of `to_parameters`. It inserts nothing, and returns no row,
// when the id is stored already or the parent does not exist.
extern const std::string kInsertEvent;

std::vector<postgres::Parameter> to_parameters(Event event);

// The select list that `read_event` reads, to be followed by `event_data`.
extern const std::string kEventColumns;

// No value when the row is not one of `kEventColumns` and `event_data`.
std::optional<Event> read_event(std::vector<std::optional<std::string>> row);

}  // namespace storagepool::audit
