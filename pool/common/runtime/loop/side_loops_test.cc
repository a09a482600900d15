#include "pool/common/runtime/loop/side_loops.h"

#include <array>
#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include <pthread.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::runtime {
namespace {

TEST(SideLoops, EachHasAThreadOfItsOwnThatTheSystemShowsByName) {
  SideLoops loops(2, "http");
  std::set<std::thread::id> threads = {std::this_thread::get_id()};
  std::set<std::string> names;
  for (const auto& executor : loops.executors()) {
    std::promise<std::thread::id> ran;
    boost::asio::post(executor, [&] {
      std::array<char, 16> name{};
      ::pthread_getname_np(::pthread_self(), name.data(), name.size());
      names.insert(name.data());
      ran.set_value(std::this_thread::get_id());
    });
    threads.insert(ran.get_future().get());
  }
  EXPECT_EQ(threads.size(), 3U);
  EXPECT_EQ(names, (std::set<std::string>{"http 1", "http 2"}));
}

boost::asio::awaitable<void> wait_there(boost::asio::any_io_executor there, std::shared_ptr<int> held) {
  co_await boost::asio::co_spawn(there, sleep_for(std::chrono::hours{1}), boost::asio::use_awaitable);
  ++*held;
}

TEST(SideLoops, WhatWaitsOnOneLoopForAnotherIsDroppedWhenTheyStop) {
  SideLoops loops(2, "http");
  Loop own;
  const auto held = std::make_shared<int>(0);
  const auto lanes = loops.executors();
  spawn(own.get_executor(), "test", wait_there(lanes.front(), held));
  spawn(lanes.front(), "test", wait_there(own.get_executor(), held));
  spawn(lanes.front(), "test", wait_there(lanes.back(), held));
  own.run_for(std::chrono::milliseconds{1});
  loops.stop(own);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(*held, 0);
  loops.stop(own);
}

TEST(SideLoops, NoneAreNoTrouble) {
  SideLoops loops(0, "http");
  Loop own;
  boost::asio::steady_timer timer(own, std::chrono::hours{1});
  const auto held = std::make_shared<int>(0);
  timer.async_wait([held](const auto&) {});
  EXPECT_TRUE(loops.executors().empty());
  loops.stop(own);
  EXPECT_EQ(held.use_count(), 2);
}

}  // namespace
}  // namespace storagepool::runtime
