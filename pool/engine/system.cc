#include "pool/engine/system.h"

#include <chrono>
#include <random>

#include <time.h>

namespace storagepool::engine {

TimePoint coarse_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

std::uint64_t random_seed() {
  return std::random_device()();
}

}  // namespace storagepool::engine
