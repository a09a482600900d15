// Finds out whether what is committed of a log may be shown (publish.h), over the connection that it was
// sealed on.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/evidence/sealing/publish.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

extern const std::string_view kReadStandbys;
Standbys read_standbys(const postgres::Result& result);

// `committed` was seen by a transaction that has ended. True: standbys have yet to flush something, which
// takes them a moment. The error is that of a connection that is lost.
boost::asio::awaitable<tl::expected<bool, postgres::Error>> publish(Publishing& publishing,
                                                                    postgres::Connection& connection,
                                                                    Floor committed,
                                                                    Publishing::TimePoint now,
                                                                    postgres::Deadline deadline);

}  // namespace storagepool::evidence
