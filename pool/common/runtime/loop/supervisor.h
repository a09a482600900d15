// Loops that a program must not be without. What escapes one is logged and counted, and the loop is begun
// anew after a pause; a program one of whose loops stays down says so (loop_failures) and is to be started
// anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/common/runtime/clock.h"

namespace storagepool::runtime {

// When a loop that fails is begun anew. Pure.
class Restarts {
 public:
  static constexpr std::chrono::milliseconds kFirstPause{100};  // doubled up to the longest
  static constexpr std::chrono::seconds kLongestPause{5};
  static constexpr std::chrono::seconds kWell{60};  // a loop that has run for so long is well again
  static constexpr std::chrono::seconds kDown{30};  // one that has kept failing for so long stays down

  void began(TimePoint now);
  std::chrono::milliseconds failed(TimePoint now);  // how long to wait before it is begun anew

  std::uint64_t failures() const { return failures_; }  // since the start
  bool down(TimePoint now) const;

 private:
  bool well(TimePoint now) const { return began_ && now - *began_ >= kWell; }

  std::optional<TimePoint> began_;          // none: it is to be begun anew
  std::optional<TimePoint> failing_since_;  // of the failures without a while of being well between them
  std::chrono::milliseconds pause_ = kFirstPause;
  std::uint64_t failures_ = 0;
};

// Starts a loop, and again each time something escapes it; one that returns has ended.
void supervise(const boost::asio::any_io_executor& executor, std::string name,
               std::function<boost::asio::awaitable<void>()> loop);

struct LoopFailures {
  std::uint64_t failures = 0;       // since the start
  std::vector<std::string> down{};  // the names of loops that stay down
};
// Of all loops that `supervise` has started in this process and that have not ended. Thread-safe.
LoopFailures loop_failures(TimePoint now);

}  // namespace storagepool::runtime
