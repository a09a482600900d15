#include "pool/common/runtime/loop/supervisor.h"

#include <chrono>
#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

TEST(Restarts, AreMadeAfterLongerAndLongerPauses) {
  Restarts restarts;
  TimePoint now{};
  std::vector<std::chrono::milliseconds> pauses;
  for (int i = 0; i < 8; ++i) {
    restarts.began(now);
    pauses.push_back(restarts.failed(now += 1s));
  }
  EXPECT_THAT(pauses, ::testing::ElementsAre(100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms));
  EXPECT_EQ(restarts.failures(), 8U);
}

TEST(Restarts, OneThatKeepsFailingStaysDownUntilItHasRunForAWhile) {
  Restarts restarts;
  const TimePoint start{};
  restarts.began(start);
  EXPECT_FALSE(restarts.down(start + 24h));
  restarts.failed(start);
  EXPECT_FALSE(restarts.down(start + Restarts::kDown - 1s));
  EXPECT_TRUE(restarts.down(start + Restarts::kDown));
  const TimePoint again = start + 31s;
  restarts.began(again);
  EXPECT_TRUE(restarts.down(again + 1s)) << "nobody knows whether it stays up";
  EXPECT_FALSE(restarts.down(again + Restarts::kWell));
  // What comes after that is a failure of its own.
  EXPECT_EQ(restarts.failed(again + Restarts::kWell), Restarts::kFirstPause);
  EXPECT_FALSE(restarts.down(again + Restarts::kWell));
}

TEST(Supervise, BeginsALoopAnewUntilItReturns) {
  boost::asio::io_context context;
  const std::uint64_t before = loop_failures(steady_now()).failures;
  int begun = 0;
  supervise(context.get_executor(), "test", [&]() -> boost::asio::awaitable<void> {
    ++begun;
    co_await sleep_for(1ms);
    if (begun == 1) throw std::runtime_error("first");
    if (begun == 2) throw 2;  // NOLINT: what escapes may be anything
  });
  context.run();
  EXPECT_EQ(begun, 3);
  EXPECT_EQ(loop_failures(steady_now()).failures, before + 2);
  EXPECT_THAT(loop_failures(steady_now() + 24h).down, IsEmpty()) << "it has ended";
}

TEST(Supervise, NamesALoopThatStaysDown) {
  boost::asio::io_context context;
  supervise(context.get_executor(), "hopeless", []() -> boost::asio::awaitable<void> {
    throw std::runtime_error("always");
    co_return;
  });
  context.poll();
  EXPECT_THAT(loop_failures(steady_now() + Restarts::kDown).down, ::testing::ElementsAre("hopeless"));
}

}  // namespace
}  // namespace storagepool::runtime
