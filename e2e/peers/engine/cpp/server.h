// What the server does without a pool in between: how many new backends it can start per second, and how
// many backends a user has. Both talk to it by blocking libpq.
#pragma once

#include <nlohmann/json.hpp>

#include "e2e/peers/engine/cpp/options.h"

namespace storagepool::engine::peer {

// `clients` threads each connect, SELECT 1, close and wait until the server has closed its end, as fast as
// they can: the bound for everything that needs a new connection. Throws std::runtime_error.
nlohmann::json run_connect_loop(const Options& options);

// Counts the backends of `sampled_user` every 10 ms for `seconds`, or until SIGTERM or SIGINT, which it
// blocks. Throws std::runtime_error when the server cannot be asked.
nlohmann::json run_sample(const Options& options);

}  // namespace storagepool::engine::peer
