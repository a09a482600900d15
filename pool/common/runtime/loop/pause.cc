#include "pool/common/runtime/loop/pause.h"

#include <condition_variable>
#include <mutex>

namespace storagepool::runtime {

bool pause_until(TimePoint until, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}

bool pause_for(std::chrono::steady_clock::duration duration, const std::stop_token& stop) {
  return pause_until(steady_now() + duration, stop);
}

}  // namespace storagepool::runtime
