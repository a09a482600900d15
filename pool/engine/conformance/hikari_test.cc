// What HikariCP promises of its pool under strain, as behaviour of the core in virtual time. Each test names
// the one of HikariCP whose behaviour it holds us to.
#include <chrono>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/conformance/testing/world.h"
#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Reason = AcquireError::Reason;

using testing::Pool;
using testing::World;

// TestSaturatedPool830: callers come faster than ten connections can serve them and give up after a second.
// What is served stays at the capacity of ten a second (nothing is spent on those who gave up), and once no
// more come than can be served, nobody gives up any more.
TEST(ConformanceHikari, SaturatedPool830) {
  World world({.max_open_conns = 10, .max_idle_conns = 10, .acquire_timeout = 1s}, {.connect = {1s}});
  int served = 0;
  int gave_up = 0;
  const auto call = [&] {
    world.acquire(
        1s,
        [&](ConnectionId id) {
          ++served;
          world.after(1s, [&world, id] { world.release(id); });
        },
        [&](const AcquireError& error) {
          ++gave_up;
          EXPECT_EQ(error.reason, Reason::kDeadlineExceeded);
        });
  };
  for (int i = 0; i < 50; ++i) call();
  const auto arrive = [&](std::chrono::milliseconds every, std::chrono::milliseconds until) {
    for (auto at = every; at <= until; at += every) world.after(at, call);
    world.run_for(until);
  };
  arrive(80ms, 6s);
  served = gave_up = 0;
  arrive(80ms, 20s);
  EXPECT_GE(served, 199);
  EXPECT_LE(served, 201);
  EXPECT_GT(gave_up, 40);  // 2.5 of 12.5 a second
  arrive(100ms, 10s);
  served = gave_up = 0;
  arrive(100ms, 20s);
  EXPECT_EQ(gave_up, 0);
  EXPECT_GE(served, 199);
  EXPECT_EQ(world.opens(), 10);
  EXPECT_EQ(world.statistics().open_high_water, 10);
}

// testSlowConnectionTimeBurstyWork: while new connections are slow to make, a burst of short work is done by
// those that exist, and when it is over no more are made and the surplus goes.
TEST(ConformanceHikari, SlowConnectionTimeBurstyWork) {
  World world({.max_open_conns = 100, .max_idle_conns = 2}, {.connect = {250ms}});
  std::vector<ConnectionId> warm;
  for (int i = 0; i < 2; ++i) world.acquire(5s, [&](ConnectionId id) { warm.push_back(id); });
  world.run_for(250ms);
  ASSERT_EQ(warm.size(), 2u);
  for (const auto id : warm) world.release(id);
  const auto before = world.opens();

  constexpr int kThreads = 50;
  int left = kThreads * 100;
  std::function<void()> work = [&] {
    if (left == 0) return;
    --left;
    world.acquire(2500ms, [&](ConnectionId id) {
      world.release(id);
      world.after(0ms, work);
    });
  };
  for (int i = 0; i < kThreads; ++i) work();
  world.run_for(249ms);
  EXPECT_EQ(left, 0);  // nobody had to wait for a connect
  EXPECT_EQ(world.statistics().waiting, 0);
  const auto made = world.opens() - before;
  EXPECT_LE(made, kThreads - 2);  // at most one for each that found none free
  world.run_for(6s);
  EXPECT_EQ(world.opens() - before, made);  // none for work that was done long ago
  EXPECT_EQ(world.statistics().open, 2);
  EXPECT_EQ(world.statistics().max_idle_closed, made);
}

// testShutdownDuringInit: a shutdown while the first connects are under way ends only when each of them has
// ended and been closed; those that come too late are handed to nobody.
TEST(ConformanceHikari, ShutdownDuringInit) {
  Pool pool({.max_open_conns = 5, .max_idle_conns = 5});
  pool.acquire_several(5);
  const auto begun = pool.opens;
  pool.opens.clear();
  ASSERT_EQ(begun.size(), 5u);
  const auto opened = [&](std::size_t i) {
    pool.core.opened(pool.now, begun[i].connection);
    pool.collect();
  };
  opened(0);
  pool.core.drain(pool.now, pool.now + 5s);
  pool.collect();
  opened(1);  // in time for its waiter
  EXPECT_EQ(pool.hands.size(), 2u);
  pool.advance(5s);
  EXPECT_EQ(pool.fails.size(), 3u);
  for (const auto& fail : pool.fails) EXPECT_EQ(fail.error.reason, Reason::kDraining);
  opened(2);
  opened(3);
  pool.core.open_failed(pool.now, begun[4].connection, {.detail = "refused"});
  pool.collect();
  EXPECT_EQ(pool.hands.size(), 2u);
  EXPECT_EQ(pool.closes, (std::vector<ConnectionId>{begun[2].connection, begun[3].connection}));
  EXPECT_TRUE(pool.opens.empty());
  pool.close_all();
  EXPECT_FALSE(pool.core.drained());
  pool.release(begun[0].connection);
  pool.release(begun[1].connection);
  EXPECT_FALSE(pool.core.drained());
  pool.close_all();
  EXPECT_TRUE(pool.core.drained());
  pool.advance(1h);
  EXPECT_TRUE(pool.opens.empty());
}

}  // namespace
}  // namespace storagepool::engine
