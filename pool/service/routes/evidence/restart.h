// The restart of the log of a workspace that was rolled back; that of the system database's the operator has
// (pool/service/log/log_restart.h).
#pragma once

#include "pool/service/routes/evidence/evidence.h"

namespace storagepool::service {

// What `context` refers to must outlive the router's server.
void add_restart_route(http::Router& router, EvidenceContext context);

}  // namespace storagepool::service
