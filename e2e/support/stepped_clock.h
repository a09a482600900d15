// Another wall clock for processes of this machine, without touching the machine's: their copy of the vDSO
// (vdso(7)), through which the C library asks for the time, is made to add some seconds to CLOCK_REALTIME
// until this ends, then it is as it was. The steady clock goes on. What they fork meanwhile has it too; what
// they execute has not. Only x86-64, as root or as their parent.
//
// Not as a machine's clock that steps: times that the kernel itself writes (of files) or waits for (an
// absolute CLOCK_REALTIME) are the machine's.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <vector>

namespace storagepool::e2e {

class SteppedClock {
 public:
  // `processes` is asked again at the end. Throws std::runtime_error when one cannot be changed; one that has
  // gone meanwhile is let go.
  SteppedClock(std::function<std::vector<pid_t>()> processes, std::chrono::seconds step);
  ~SteppedClock();
  SteppedClock(const SteppedClock&) = delete;
  SteppedClock& operator=(const SteppedClock&) = delete;

 private:
  std::function<std::vector<pid_t>()> processes_;
};

}  // namespace storagepool::e2e
