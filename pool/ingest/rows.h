// The statements that store a batch of events, and their parameters: an array for each field in the binary
// format of arrays (`array_recv`), which spares the server the parsing of text, or one value where all events
// have the same (columns.h). All of them are prepared once per connection and serve any number of rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pool/event/event.h"
#include "pool/evidence/entry.h"
#include "pool/postgres/connection.h"

namespace storagepool::ingest {

// Stores rows under ids that no client made. Ends with kThere, having done nothing, when a row is there
// already, which can only come from an earlier attempt with the same events; kInsertMissingRows leaves such a
// row as it is and stores the others, and costs the server a sixth more. Both record the batch, if one is
// given and a row is stored, and which of its entries are of rows that were stored, as do the others below;
// read_recorded reads what became of it.
extern const std::string kInsertRows;
extern const std::string kInsertMissingRows;
// kInsertRows for one event, whose values need no arrays: it costs the server a third less than that.
extern const std::string kInsertRow;
inline constexpr std::string_view kThere = "23505";  // unique_violation

// Stores rows whose ids may be a client's: such an id is claimed first, in the order of ids so that two of
// these statements cannot deadlock, and its row is stored only if it was free. Nothing is stored of a unit
// with an id that another event has, by the digest of its content. Returns in its third and fourth column the
// ids it claimed and the units it refused. Ends with kRaced, having done nothing, when an id was taken while
// it ran: only when it begins anew does it see by what.
extern const std::string kClaimAndInsertRows;
inline constexpr std::string_view kRaced = "2201W";  // a LIMIT below zero

// The parameters of kInsertRows and kInsertMissingRows. Every event's `event_id` and `parent_event_id` must
// be canonical. `batch` is of the same events; null: they get no entries in the log.
std::vector<postgres::Parameter> row_parameters(std::span<const event::Event* const> events,
                                                const evidence::NewBatch* batch);
// Those of kInsertRow.
std::vector<postgres::Parameter> one_row_parameters(const event::Event& event,
                                                    const evidence::NewBatch* batch);
// Those of kClaimAndInsertRows; `units`: which unit each event belongs to.
std::vector<postgres::Parameter> claim_parameters(std::span<const event::Event* const> events,
                                                  std::span<const std::int64_t> units,
                                                  const evidence::NewBatch* batch);

// An event that is looked for.
struct Reference {
  std::string_view event_id;               // canonical
  std::optional<runtime::Date> date = {};  // of its event_timestamp, in UTC
};

// Returns the positions, counted from 0, of the events that are stored, and the date of each ("2026-02-28"):
// looked up at their time if their date is given or their id tells it, else by the ids that clients made. For
// `Connection::query_once`, so that only the partitions between the first and the last of these times are
// planned, locked and opened.
extern const std::string kFindParents;
// Returns the rows (pool/tables/row.h) of those whose ids tell their time and are no client's. For
// `Connection::query_once`, too.
std::string find_unclaimed();
// The parameters of both.
std::vector<postgres::Parameter> reference_parameters(std::span<const Reference> references);

// Makes the ids of stored events as if a client had made them.
extern const std::string kClaimStored;
std::vector<postgres::Parameter> stored_parameters(std::span<const event::Event> events);

// Returns the id, the time ("2026-02-28T11:22:33.123456Z") and, in hexadecimal, the digest of content (NULL:
// not known) of those ids that clients made and that are stored.
extern const std::string kFindStored;
std::vector<postgres::Parameter> id_parameters(std::span<const std::string_view> event_ids);

}  // namespace storagepool::ingest
