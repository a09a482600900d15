// Who a request came from, behind proxies that are trusted. Each proxy adds whom it had the request from at
// the end of X-Forwarded-For, after what it was sent, which anybody can write. So the field is read from its
// end, and no further than to the first address that is not a trusted proxy's: nobody trusted has told what
// stands before.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "pool/common/settings/networks.h"

namespace storagepool::http {

// The peer, unless it is trusted; then the last address in the fields that is not, or where all are trusted
// the first. What is no address (with a port or without, IPv6 in brackets or without) ends it: then the proxy
// that told it counts. Several fields of the name are one, in their order.
boost::asio::ip::address client_behind(const std::vector<settings::Network>& trusted,
                                       const boost::asio::ip::address& peer,
                                       const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace storagepool::http
