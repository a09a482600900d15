// What the driver asks the system for, but for time and sockets. The simulator of the driver is linked with
// answers of its own.
#pragma once

#include <cstdint>

#include "pool/engine/core/types.h"

namespace storagepool::engine {

TimePoint coarse_now();       // steady; a few milliseconds late at most, for a sixth of the price
std::uint64_t random_seed();  // of the jitter of back-offs and lifetimes

}  // namespace storagepool::engine
