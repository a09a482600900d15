// Waits of threads that block, which a stop request ends at once. Coroutines have coroutine.h.
#pragma once

#include <chrono>
#include <stop_token>

#include "pool/common/runtime/clock.h"

namespace storagepool::runtime {

// Blocks the calling thread until the steady time `until`. False: `stop` was requested before.
bool pause_until(TimePoint until, const std::stop_token& stop);
bool pause_for(std::chrono::steady_clock::duration duration, const std::stop_token& stop);

}  // namespace storagepool::runtime
