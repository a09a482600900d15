// The SELECTs of the read side, pure. One that names times is planned for its very values, so that partitions
// without a wanted event are told at planning and cost nothing. With that the number of tables that it opens
// does not grow with the number of partitions for one event, for a list between two times, and for a list
// that goes back to a time. A list that names no time has to look into every month, whatever its values: it
// is planned once for a session, and costs a descent in one index each, and a lock on its table and each of
// its indexes meanwhile. With years of months and many such lists at once a server needs
// max_locks_per_transaction above its default of 64; clients that poll should give `since`.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pool/postgres/connection.h"
#include "pool/reading/query.h"

namespace storagepool::reading {

struct Statement {
  std::string sql;
  std::vector<postgres::Parameter> parameters;
  bool names_times = true;  // to be planned for its values
};

inline constexpr std::int64_t kMaxPageBytes =
    std::int64_t{32} * 1024 * 1024;  // of event_data and error_message

// The event under this id if its time lies in `range`: from, inclusive, until, exclusive. A row as
// `read_event` takes it, or none.
Statement select_event(std::string event_id, std::pair<runtime::Timestamp, runtime::Timestamp> range);

// The time of the event under an id that a client made, as `parse_timestamp` takes it, or no row.
Statement select_client_id(std::string event_id);

// A page as one snapshot: `kPageColumns` columns and then those of `read_event`. The first row is always
// there: whether the page fits kMaxPageBytes (0 or 1), how many events were found for it (one more than
// `limit` if there is a next page), how many there are in all (NULL with a cursor: counting them would cost
// more the more there are), and the first event or NULLs when there is none or the page does not fit.
Statement select_page(const ListQuery& query);
inline constexpr std::size_t kPageColumns = 3;

}  // namespace storagepool::reading
