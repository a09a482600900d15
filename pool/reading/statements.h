// The SELECTs of the read side, pure. One that names times is planned for its very values, so that partitions
// without a wanted event are told at planning and cost nothing: with that the number of tables that it opens
// does not grow with the number of partitions. A list over many months is read in slices, one for each of its
// windows (windows.h). Events that have been kept for long enough are not found, by the earlier of the clocks
// of the pod and the database, but those under a legal hold are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pool/postgres/connection.h"
#include "pool/reading/query.h"
#include "pool/reading/windows.h"

namespace storagepool::reading {

struct Statement {
  std::string sql;
  std::vector<postgres::Parameter> parameters;
  bool names_times = true;  // to be planned for its values
  bool large = false;       // its answer may be
};

// The event under this id if its time lies in `range`: from, inclusive, until, exclusive. A row as
// `read_stored` (stored_row.h) takes it, or none.
Statement select_event(std::string event_id, std::pair<runtime::Timestamp, runtime::Timestamp> range,
                       runtime::Timestamp now);

// The time of the event under an id that a client made, as `parse_timestamp` takes it, or no row.
Statement select_client_id(std::string event_id);

// An event as the log names it.
struct EventKey {
  std::string event_id;  // canonical
  runtime::Timestamp event_timestamp;
  friend bool operator==(const EventKey&, const EventKey&) = default;
};

// Those of these events that are stored and have not expired, in the order of `keys`. A row has
// `kKeyColumns` columns and then those of `read_event` (row.h): the event's place in `keys`, from 1; bytes of
// its event_data and error_message, and then the event, or NULLs from there on where those so far have more
// than `bytes`. REQUIRES: there are keys.
Statement select_by_keys(std::span<const EventKey> keys, std::int64_t bytes, runtime::Timestamp now);
inline constexpr std::size_t kKeyColumns = 2;

// Likewise their places, each with 1 if the filters of `query` match, else NULL.
Statement match_by_keys(std::span<const EventKey> keys, const ListQuery& query, runtime::Timestamp now);

// The first moment of the oldest and of the newest month that has a partition, as `parse_timestamp` takes it,
// or NULLs.
Statement select_months();

// What is fetched without asking for memory.
inline constexpr std::int64_t kUsualPageBytes = std::int64_t{256} * 1024;

// What is wanted of one window.
struct Slice {
  Window window{};
  std::int64_t skip = 0;   // of the query's offset, what newer windows have not used up
  std::int64_t room = 0;   // events that the page may still show
  std::int64_t bytes = 0;  // that it may still hold of event_data and error_message
};

// A slice as one snapshot: `kSliceColumns` columns and then those of `read_stored`. The first row is always
// there: the bytes of the slice, how many events were found for it (one more than `room` if there is a next
// page), and the first event or NULLs when there is none or they are more than `bytes`.
Statement select_slice(const ListQuery& query, const Slice& slice, runtime::Timestamp now);
inline constexpr std::size_t kSliceColumns = 2;

// A slice of small events, as most are, at half of what that costs the server: a row of `read_stored` for
// each event that was found, one more than `room` if there is a next page. Where one has more than
// kSmallEvent bytes its event_data is NULL, and the slice is to be selected as above.
Statement select_small(const ListQuery& query, const Slice& slice, runtime::Timestamp now);
inline constexpr std::int64_t kSmallEvent = 4096;  // of event_data and error_message

// How many events of the window match, counted no further than `count_to`. Apart from the slice, which most
// windows of a rare filter are read for alone: to plan both takes twice as long.
Statement count_matches(const ListQuery& query, const Window& window, std::int64_t count_to,
                        runtime::Timestamp now);

}  // namespace storagepool::reading
