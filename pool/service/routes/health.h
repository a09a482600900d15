// The health port (8081): /livez and /healthz answer while the process lives, /readyz says whether traffic
// should come and, if not, why. None of them ever waits for PostgreSQL or takes a pooled connection.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pool/common/http/router.h"

namespace storagepool::service {

// `not_ready` gives the reasons; none means ready.
void add_health_routes(http::Router& router, std::function<std::vector<std::string>()> not_ready);

}  // namespace storagepool::service
