// The only place that asks the system for the time: everything else is given `now`, or a Clock. Steady time
// is for waits and deadlines, wall time for what people and PostgreSQL read. Asio's timers follow the steady
// clock of the system, so a Clock that a test sets by hand is for decisions, not for waits.
#pragma once

#include <chrono>

#include "pool/common/runtime/timestamp.h"

namespace storagepool::runtime {

using TimePoint = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;   // never goes back
  virtual Timestamp wall() const = 0;  // UTC at microseconds; may jump
};

// The system's; thread-safe.
const Clock& system_clock();

// For who has no Clock of its own: the rim, where waits are real.
inline TimePoint steady_now() {
  return system_clock().now();
}
inline Timestamp wall_now() {
  return system_clock().wall();
}

}  // namespace storagepool::runtime
