// How long the program's own work waits for a connection.
#pragma once

#include <chrono>

namespace storagepool::service {

inline constexpr std::chrono::seconds kAcquireTimeout{2};  // short, because a drain waits for it

}  // namespace storagepool::service
