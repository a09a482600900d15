// /livez and /healthz answer while the process lives, /readyz says whether traffic should come and, if not,
// why. None of them ever waits for PostgreSQL or takes a pooled connection. On the health port (8081) and,
// for clients that look before they come, without a token on the API's.
#pragma once

#include <functional>

#include "pool/common/http/router.h"
#include "pool/service/routes/readiness.h"

namespace storagepool::service {

void add_health_routes(http::Router& router, std::function<Readiness()> readiness);

// Answers the paths of `health`, which must outlive the server, before `next` is asked. Their gate lets
// everybody pass.
http::Handler with_health(const http::Router& health, http::Handler next);
http::Gate with_health(const http::Router& health, http::Gate next);

}  // namespace storagepool::service
