// Legal holds: what keeps the events of a correlation until a matter is closed (pool/evidence/holds).
#pragma once

#include "pool/service/routes/evidence/evidence.h"

namespace storagepool::service {

// What `context` refers to must outlive the router's server.
void add_legal_hold_routes(http::Router& router, EvidenceContext context);

}  // namespace storagepool::service
