// Workspaces on port 8080: list, create, look at and drop.
#pragma once

#include <functional>

#include "pool/common/http/router.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::service {

struct WorkspaceContext {
  workspaces::Workspaces& workspaces;
  std::function<workspaces::Workspaces::Deadline()> deadline;  // of a request that begins now
  std::function<bool()> away;  // PostgreSQL is known not to answer: nothing is waited for
};

// What `context` refers to must outlive the router's server.
void add_workspace_routes(http::Router& router, WorkspaceContext context);

}  // namespace storagepool::service
