// POST /api/v1/audit/verify-chain: whether the events of a correlation are as they were stored, each of them
// and all of them. In the shapes that clients of hash-chained stores know, with what a log tells besides.
#pragma once

#include "pool/service/routes/evidence/evidence.h"

namespace storagepool::service {

// What `context` refers to must outlive the router's server.
void add_verify_chain_route(http::Router& router, EvidenceContext context);

}  // namespace storagepool::service
