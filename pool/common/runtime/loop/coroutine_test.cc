#include "pool/common/runtime/loop/coroutine.h"

#include <optional>
#include <stdexcept>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

namespace storagepool::runtime {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

asio::awaitable<void> wait_into(Notification& notification, steady_clock::time_point deadline,
                                std::optional<bool>& result) {
  result = co_await notification.wait_until(deadline);
}

asio::awaitable<void> notify(Notification& notification) {
  notification.notify_all();
  co_return;
}

asio::awaitable<void> fail() {
  throw std::runtime_error("broken");
  co_return;
}

asio::awaitable<void> sleep_into(steady_clock::duration duration, steady_clock::time_point& woke) {
  co_await sleep_for(duration);
  woke = steady_clock::now();
}

TEST(Notification, WakesEveryWaiter) {
  asio::io_context loop;
  Notification notification(loop.get_executor());
  std::vector<std::optional<bool>> results(3);
  for (auto& result : results)
    spawn(loop.get_executor(), "w", wait_into(notification, steady_clock::now() + 1h, result));
  spawn(loop.get_executor(), "n", notify(notification));
  loop.run_for(30s);
  EXPECT_TRUE(loop.stopped());
  EXPECT_THAT(results, ::testing::Each(std::optional<bool>(true)));
}

TEST(Notification, TheDeadlineEndsAWait) {
  asio::io_context loop;
  Notification notification(loop.get_executor());
  std::optional<bool> result;
  spawn(loop.get_executor(), "w", wait_into(notification, steady_clock::now() + 1ms, result));
  loop.run_for(30s);
  EXPECT_EQ(result, false);
  notification.notify_all();  // nobody is left to wake
}

TEST(Notification, AnEarlierNotifyDoesNotWakeALaterWait) {
  asio::io_context loop;
  Notification notification(loop.get_executor());
  notification.notify_all();
  std::optional<bool> result;
  spawn(loop.get_executor(), "w", wait_into(notification, steady_clock::now() + 1ms, result));
  loop.run_for(30s);
  EXPECT_EQ(result, false);
}

TEST(Notification, ALoopTornDownDuringAWaitIsSafe) {
  std::optional<bool> result;
  {
    asio::io_context loop;
    Notification notification(loop.get_executor());
    spawn(loop.get_executor(), "w", wait_into(notification, steady_clock::now() + 1h, result));
    loop.poll();
  }
  EXPECT_EQ(result, std::nullopt);
}

TEST(Sleep, LastsAtLeastAsLongAsAsked) {
  asio::io_context loop;
  const auto start = steady_clock::now();
  steady_clock::time_point woke;
  spawn(loop.get_executor(), "s", sleep_into(5ms, woke));
  loop.run_for(30s);
  EXPECT_GE(woke - start, 5ms);
}

TEST(Spawn, LogsWhatIsThrownAndGoesOn) {
  asio::io_context loop;
  ::testing::internal::CaptureStderr();
  spawn(loop.get_executor(), "doomed", fail());
  loop.run_for(30s);
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(output, ::testing::HasSubstr(R"("work":"doomed","error":"broken")"));
}

}  // namespace
}  // namespace storagepool::runtime
