// The audit API of the wire contract on port 8080: create, list and get events.
#pragma once

#include <functional>
#include <string_view>

#include "pool/audit/store.h"
#include "pool/http/router.h"

namespace storagepool::service {

// `store` must outlive the router's server; `on_stored` is called for every event that was added.
void add_audit_routes(http::Router& router, audit::Store& store, std::function<void()> on_stored);

// True for application/json, with charset=utf-8 or no parameter (RFC 9110, 8.3.1).
bool is_json_content(std::string_view content_type);

}  // namespace storagepool::service
