// The audit API of the wire contract on port 8080: create, list and get events.
#pragma once

#include <functional>
#include <string_view>

#include "pool/audit/store.h"
#include "pool/http/router.h"

namespace storagepool::service {

struct AuditContext {
  audit::Store& store;
  std::function<audit::Store::Deadline()> deadline;  // of a request that begins now
  std::function<void()> on_stored;                   // called for every event that was added
};

// What `context` refers to must outlive the router's server.
void add_audit_routes(http::Router& router, AuditContext context);

// True for application/json, with charset=utf-8 or no parameter (RFC 9110, 8.3.1).
bool is_json_content(std::string_view content_type);

}  // namespace storagepool::service
