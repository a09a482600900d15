// Erasure of what an event holds (pool/evidence/holds/erase.h).
#pragma once

#include "pool/service/routes/evidence/evidence.h"

namespace storagepool::service {

// What `context` refers to must outlive the router's server.
void add_erase_routes(http::Router& router, EvidenceContext context);

}  // namespace storagepool::service
