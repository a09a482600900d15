// The feed: the events of the system database in the order of its log, for those who copy them elsewhere,
// such as a SIEM. Who has come to the end may wait for more, without a connection to PostgreSQL.
#pragma once

#include "pool/service/routes/evidence/evidence.h"

namespace storagepool::service {

// What `context` refers to must outlive the router's server.
void add_feed_route(http::Router& router, EvidenceContext context);

}  // namespace storagepool::service
