// Finds which of a log's first entries may go: the I/O of prune.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/evidence/sealing/state.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

struct Prunable {
  std::uint64_t min_index = 0;          // from then on; the state's: nothing goes
  std::vector<std::int64_t> batches{};  // whose rows go
};

// For the transaction of a sealing, until whose end no hold is placed then and no event moves. `floor`:
// entries of the log that others were shown; the state's MAC was checked, and everything that is read is
// compared with its root hash. What has expired is so by both clocks, `now` and that of the database.
boost::asio::awaitable<tl::expected<Prunable, postgres::Error>> find_prunable(
    postgres::Connection& connection, LogState state, std::uint64_t floor, LogMacs& macs,
    runtime::Timestamp now, postgres::Deadline deadline);

// Of batches with the ids $1.
inline constexpr std::string_view kDeleteBatches =
    "DELETE FROM audit_batches WHERE batch = ANY ($1::bigint[])";

}  // namespace storagepool::evidence
