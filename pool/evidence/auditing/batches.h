// The batches that rows name, read and verified.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/evidence/auditing/compare.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

// Of these, those that a pod has written, some at a time. `connection` and `writer` must be good until it
// ends.
boost::asio::awaitable<tl::expected<std::map<std::int64_t, BatchEntries>, postgres::Error>> read_batches(
    postgres::Connection& connection, std::set<std::int64_t> ids, EntryWriter& writer,
    postgres::Deadline deadline);

}  // namespace storagepool::evidence
