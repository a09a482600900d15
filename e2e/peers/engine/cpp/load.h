// The cases that load the engine: clients that take connections, use them and give them back.
//
//   get_put   no work with the connection; when there are more clients than connections a client lets the
//             others run while it holds one
//   select_1  SELECT 1 on each connection taken
//   storm     select_1 through a restart of the server: on an error a client waits 10 ms and goes on
//   zipf      select_1 on a database drawn anew for each operation
#pragma once

#include <nlohmann/json.hpp>

#include "e2e/peers/engine/cpp/options.h"

namespace storagepool::engine::peer {

// Runs one case and returns its figures as the harness reads them. Throws std::runtime_error when the load
// cannot be started or the engine does not close its connections afterwards.
nlohmann::json run_load(const Options& options);

}  // namespace storagepool::engine::peer
