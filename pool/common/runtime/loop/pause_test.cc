#include "pool/common/runtime/loop/pause.h"

#include <thread>

#include <gtest/gtest.h>

namespace storagepool::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Pause, LastsUntilItsTime) {
  const TimePoint start = steady_now();
  EXPECT_TRUE(pause_for(5ms, {}));
  EXPECT_GE(steady_now() - start, 5ms);
  EXPECT_TRUE(pause_until(start, {}));  // which is over
}

TEST(Pause, AStopRequestEndsIt) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(pause_for(1h, stop.get_token()));
  EXPECT_FALSE(pause_for(1h, stop.get_token()));  // requested before
}

}  // namespace
}  // namespace storagepool::runtime
