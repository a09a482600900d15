// Ends sessions of this program's own at the server, by the processes that serve them there.
#pragma once

#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::engine {

// Of these processes, those that serve other sessions of this one's user and application_name; true once none
// of them is left, false when that was not seen by the deadline.
boost::asio::awaitable<bool> end_backends(postgres::Connection& session, std::vector<int> backends,
                                          postgres::Deadline deadline);

}  // namespace storagepool::engine
