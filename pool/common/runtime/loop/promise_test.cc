#include "pool/common/runtime/loop/promise.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::runtime {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class PromiseTest : public ::testing::Test {
 protected:
  using Value = std::unique_ptr<std::string>;  // can only be moved

  static Value text(std::string value) { return std::make_unique<std::string>(std::move(value)); }

  static asio::awaitable<void> wait_into(Promise<Value>& promise, TimePoint deadline, std::string& result) {
    auto value = co_await promise.wait_until(deadline);
    result = value ? **value : "nothing";
  }
  void start(Promise<Value>& promise, TimePoint deadline) {
    result_ = "waits";
    spawn(executor_, "wait", wait_into(promise, deadline, result_));
  }
  // Runs until nobody waits any more.
  void run() {
    loop_.restart();
    loop_.run_for(30s);
    EXPECT_TRUE(loop_.stopped());
  }
  void run_what_is_ready() {
    loop_.restart();
    loop_.poll();
  }

  asio::io_context loop_;
  const asio::any_io_executor executor_ = loop_.get_executor();
  std::string result_;
};

TEST_F(PromiseTest, AValueGivenBeforeTheWaitIsThereAtOnce) {
  Promise<Value> promise(executor_);
  EXPECT_TRUE(promise.giver().wanted());
  EXPECT_TRUE(promise.giver().give(text("early")));
  EXPECT_FALSE(promise.giver().wanted());
  start(promise, steady_now() - 1h);  // a deadline in the past takes nothing away
  run_what_is_ready();
  EXPECT_EQ(result_, "early");
}

TEST_F(PromiseTest, AValueGivenDuringTheWaitEndsIt) {
  Promise<Value> promise(executor_);
  start(promise, TimePoint::max());
  run_what_is_ready();
  EXPECT_EQ(result_, "waits");
  EXPECT_TRUE(promise.giver().give(text("later")));
  EXPECT_EQ(result_, "waits");  // woken by the loop
  run();
  EXPECT_EQ(result_, "later");
}

TEST_F(PromiseTest, ADeadlineThatPassesGivesNoValue) {
  Promise<Value> promise(executor_);
  start(promise, steady_now() + 1ms);
  run();
  EXPECT_EQ(result_, "nothing");
}

TEST_F(PromiseTest, MayBeWaitedForAgainAfterADeadline) {
  Promise<Value> promise(executor_);
  const auto giver = promise.giver();
  start(promise, steady_now() + 1ms);
  run();
  EXPECT_TRUE(giver.wanted());
  start(promise, TimePoint::max());
  run_what_is_ready();
  EXPECT_TRUE(promise.giver().give(text("at last")));
  run();
  EXPECT_EQ(result_, "at last");
}

TEST_F(PromiseTest, AValueGivenInTheTurnInWhichTheDeadlinePassesIsNotLost) {
  Promise<Value> promise(executor_);
  const TimePoint deadline = steady_now() + 2ms;
  start(promise, deadline);
  asio::post(loop_, [&] {
    while (steady_now() < deadline) std::this_thread::yield();
    EXPECT_TRUE(promise.giver().give(text("in time")));
  });
  run();
  EXPECT_EQ(result_, "in time");
}

TEST_F(PromiseTest, AValueGivenWhenTheEndOfTheWaitIsOnItsWayIsNotLost) {
  Promise<Value> promise(executor_);
  const TimePoint deadline = steady_now() + 2ms;
  // Both timers have run out when the loop looks at them, so that this one's handler comes just before.
  asio::steady_timer first(executor_, deadline - 1ms);
  first.async_wait([&](boost::system::error_code) { EXPECT_TRUE(promise.giver().give(text("in time"))); });
  start(promise, deadline);
  asio::post(loop_, [&] {
    while (steady_now() < deadline) std::this_thread::yield();
  });
  run();
  EXPECT_EQ(result_, "in time");
}

TEST_F(PromiseTest, MayBeGivenByAnotherThread) {
  constexpr int kRounds = 2000;
  int sum = 0;
  std::vector<Promise<int>::Giver> givers;
  std::vector<std::unique_ptr<Promise<int>>> promises;
  for (int i = 0; i < kRounds; ++i) {
    promises.push_back(std::make_unique<Promise<int>>(executor_));
    givers.push_back(promises.back()->giver());
  }
  const auto add_all = [&]() -> asio::awaitable<void> {
    for (auto& promise : promises) {
      const auto value = co_await promise->wait_until(TimePoint::max());
      sum += value.value_or(0);
      promise.reset();
    }
  };
  spawn(executor_, "sum", add_all());
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) givers[static_cast<std::size_t>(i)].give(i);
  });
  run();
  other.join();
  EXPECT_EQ(sum, kRounds * (kRounds - 1) / 2);
}

TEST_F(PromiseTest, OfGiversOnManyThreadsOneIsFirst) {
  for (int round = 0; round < 100; ++round) {
    Promise<int> promise(executor_);
    std::optional<int> taken;
    std::vector<int> accepted(3);
    const auto take = [&]() -> asio::awaitable<void> {
      taken = co_await promise.wait_until(TimePoint::max());
    };
    spawn(executor_, "take", take());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < accepted.size(); ++i) {
      threads.emplace_back([&accepted, i, giver = promise.giver()]() mutable {
        accepted[i] = giver.give(static_cast<int>(i));
      });
    }
    run();
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(taken);
    std::vector<int> expected(3);
    expected.at(static_cast<std::size_t>(*taken)) = 1;
    EXPECT_EQ(accepted, expected);
  }
}

TEST_F(PromiseTest, TheFirstOfTwoValuesWins) {
  Promise<Value> promise(executor_);
  start(promise, TimePoint::max());
  run_what_is_ready();
  EXPECT_TRUE(promise.giver().give(text("first")));
  EXPECT_FALSE(promise.giver().give(text("second")));
  run();
  EXPECT_EQ(result_, "first");
  EXPECT_FALSE(promise.giver().give(text("third")));
}

TEST_F(PromiseTest, AValueForNobodyIsDropped) {
  std::optional<Promise<Value>> promise(executor_);
  auto giver = promise->giver();
  promise.reset();
  EXPECT_FALSE(giver.wanted());
  EXPECT_FALSE(giver.give(text("late")));
  run_what_is_ready();
}

TEST_F(PromiseTest, ALoopTornDownDuringAWaitIsSafe) {
  std::optional<Promise<Value>::Giver> giver;
  std::string result = "waits";
  {
    asio::io_context loop;
    const auto wait = [&]() -> asio::awaitable<void> {
      Promise<Value> promise(loop.get_executor());
      giver = promise.giver();
      co_await promise.wait_until(TimePoint::max());
      result = "woken";
    };
    spawn(loop.get_executor(), "wait", wait());
    loop.poll();
    EXPECT_TRUE(giver->wanted());
  }
  EXPECT_FALSE(giver->wanted());
  EXPECT_FALSE(giver->give(text("late")));
  EXPECT_EQ(result, "waits");
}

// A strand may not outlive its context, and a giver may.
TEST_F(PromiseTest, AGiverMayOutliveTheContextOfAStrand) {
  std::optional<Promise<Value>::Giver> giver;
  {
    asio::io_context loop(1);
    Promise<Value> promise(asio::make_strand(loop));
    giver = promise.giver();
  }
  EXPECT_FALSE(giver->give(text("late")));
}

TEST_F(PromiseTest, AWakeUnderWayWhenThePromiseEndsIsHarmless) {
  {
    Promise<Value> promise(executor_);
    start(promise, steady_now());
    run_what_is_ready();
    run();
    start(promise, TimePoint::max());
    run_what_is_ready();
    // From outside of the loop: the wake is queued, and runs when the promise is gone.
    EXPECT_TRUE(promise.giver().give(text("taken")));
    loop_.restart();
    while (result_ == "waits") loop_.run_one();
  }
  run();
  EXPECT_EQ(result_, "taken");
}

}  // namespace
}  // namespace storagepool::runtime
