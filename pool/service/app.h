// The `datastorage` program put together: the engine, the ingest and its journal, workspaces, four HTTP
// servers and what runs in the background, on one event loop, from start to the end of the drain.
#pragma once

#include "pool/service/config/options.h"

namespace storagepool::service {

// Runs until SIGTERM or SIGINT and the drain after it. The exit code: 0 after a clean drain, 1 when work had
// to be cut off at the end of the drain timeout or a port cannot be bound, 2 when the configuration is not
// usable. PostgreSQL, credentials, CA and the journal's disk may be missing or wrong at any time: that is
// reported, never a reason to exit.
int run(const Options& options);

}  // namespace storagepool::service
