// Host name to addresses with a deadline, private to this folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::postgres {

// The addresses of a host in the resolver's order, as text; empty when there is none or none came by the
// deadline. An address resolves to itself. A look-up that hangs in the C library is left behind, not waited
// for.
boost::asio::awaitable<std::vector<std::string>> resolve(boost::asio::any_io_executor executor,
                                                         std::string host, Deadline deadline);

}  // namespace storagepool::postgres
