// How a row of `audit_events` is read in binary format (postgres::Connection::fetch), which spares the server
// the writing and us the parsing of text: for lists, of many events each. As text it is read by row.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "pool/event/event.h"
#include "pool/postgres/rows.h"

namespace storagepool::tables {

// The select list that `read_stored` reads.
extern const std::string kStoredColumns;
// The same, but event_data is NULL where it and error_message have more than so many bytes.
std::string stored_columns_up_to(std::int64_t bytes);
extern const std::size_t kStoredData;  // which of the columns is event_data, counted from 0

// No value when the row is not one of `kStoredColumns`.
std::optional<event::Event> read_stored(std::span<const postgres::Rows::Value> row);

}  // namespace storagepool::tables
