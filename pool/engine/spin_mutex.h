// A mutex for critical sections of a few dozen nanoseconds: who finds it taken tries again for about a
// microsecond before going to sleep, because the sleep and the wake-up cost many times the section.
#pragma once

#include <mutex>

namespace storagepool::engine {

class SpinMutex {
 public:
  void lock() {
    constexpr int kTries = 50;
    for (int i = 0; i < kTries; ++i) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  // Leaves the core's resources to its other thread for a moment.
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  std::mutex mutex_;
};

}  // namespace storagepool::engine
