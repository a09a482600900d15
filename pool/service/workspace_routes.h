// Workspaces on port 8080: list, create, look at and drop.
#pragma once

#include <functional>

#include "pool/audit/workspaces.h"
#include "pool/http/router.h"

namespace storagepool::service {

struct WorkspaceContext {
  audit::Workspaces& workspaces;
  std::function<audit::Workspaces::Deadline()> deadline;  // of a request that begins now
};

// What `context` refers to must outlive the router's server.
void add_workspace_routes(http::Router& router, WorkspaceContext context);

}  // namespace storagepool::service
