// Where the log begins, as a pod has left it.
#pragma once

#include <cstdint>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/evidence/entry.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

// The number of the first entry that is not pruned; 0 by a state that no pod has written, so that nobody
// passes entries off as pruned.
boost::asio::awaitable<tl::expected<std::int64_t, postgres::Error>> read_first_entry(
    postgres::Connection& connection, const Keys& keys, postgres::Deadline deadline);

}  // namespace storagepool::evidence
