// GET /api/v1/audit/export: events with what the log says of each, signed as a whole, for who takes them to
// an auditor. In the shape that clients of hash-chained stores know. Each export is an event of its own.
#pragma once

#include "pool/service/routes/evidence/evidence.h"

namespace storagepool::service {

// What `context` refers to must outlive the router's server.
void add_export_route(http::Router& router, EvidenceContext context);

}  // namespace storagepool::service
