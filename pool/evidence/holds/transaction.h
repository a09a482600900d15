// One statement in a transaction of its own that begins with a lock, so that it sees all that others did who
// had one in its way.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::evidence {

// `lock`: a LOCK statement, and settings of the transaction before it, which waits for 10 s at most.
boost::asio::awaitable<tl::expected<postgres::Result, postgres::Error>> under_lock(
    postgres::Connection& connection, std::string lock, std::string sql,
    std::vector<postgres::Parameter> parameters, postgres::Deadline deadline);

}  // namespace storagepool::evidence
