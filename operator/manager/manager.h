// The operator put together: API client, caches, work queue, workers, and the ports for health and
// metrics.
#pragma once

#include "operator/manager/options.h"

namespace storagepool::manager {

// Runs until SIGTERM or SIGINT; among several operators it works when it leads (leadership.h), and ends the
// process with exit code 1 when it leads no more. The exit code: 0 after a clean stop, 1 when a port cannot
// be bound or the operator's key is unusable, 2 when there is no usable way to the API server in the options.
// An API server that is away is waited for.
int run(const Options& options);

}  // namespace storagepool::manager
