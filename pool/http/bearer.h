// Bearer token authentication (RFC 6750) with one expected token, compared in constant time. The 401 details
// are those of the wire contract: "Missing Authorization header", "Invalid Authorization header format",
// "Invalid or expired token".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pool/http/server.h"

namespace storagepool::http {

// No value when the request carries the token, else the 401 answer. An empty `expected_token` admits nobody.
std::optional<Response> check_bearer(const Request& request, std::string_view expected_token);

}  // namespace storagepool::http
