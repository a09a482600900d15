// What bb8, Boost.MySQL, psycopg_pool and deadpool promise to those who wait, and HikariCP to those who come
// while it starts or stops: on a real server.
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "pool/engine/conformance_fixture.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using postgres::testing::run;
using Reason = AcquireError::Reason;
namespace asio = boost::asio;
using asio::io_context;
using testing::in;

class ConformanceWaiters : public testing::ConformanceFixture {
 protected:
  static void SetUpTestSuite() {
    start_server();
    server_->superuser("CREATE DATABASE audit_ws_a OWNER app");
  }
};

// bb8, 25,000 waiters through 3 connections: nobody is forgotten, and the server sees three sessions.
TEST_F(ConformanceWaiters, TwentyFiveThousandThroughThreeConnections) {
  constexpr int kWaiters = 25000;
  int connected = 0;
  make({.max_open_conns = 3, .max_idle_conns = 3, .max_waiters = kWaiters},
       {.on_connected = [&] { ++connected; }, .on_connect_failed = {}, .on_connection_lost = {}});
  int served = 0;
  int refused = 0;
  for (int i = 0; i < kWaiters; ++i) {
    start_acquire([&](Acquired& acquired) { ++(acquired ? served : refused); }, 60s);
  }
  wait_until([&] { return served + refused == kWaiters; });
  EXPECT_EQ(served, kWaiters);
  EXPECT_EQ(connected, 3);
  EXPECT_EQ(server_->app_backends(), 3);
  EXPECT_EQ(engine_->statistics().waiting, 0);
}

// bb8, broken connections do not starve the pool: each of many clients leaves its connection broken, and all
// are served.
TEST_F(ConformanceWaiters, BrokenConnectionsDoNotStarveThePool) {
  make({.max_open_conns = 3, .max_idle_conns = 3});
  int served = 0;
  int done = 0;
  for (int i = 0; i < 20; ++i) {
    asio::co_spawn(
        context_,
        [](Engine& engine, int& ok, int& over) -> asio::awaitable<void> {
          {
            auto lease = co_await engine.acquire("audit", in(kPatience));
            if (lease) {
              const auto one = co_await (*lease)->execute("SELECT 1", in(kPatience));
              if (one) ++ok;
              co_await (*lease)->execute("SELECT pg_terminate_backend(pg_backend_pid())", in(kPatience));
            }
          }
          ++over;
        }(*engine_, served, done),
        asio::detached);
  }
  wait_until([&] { return done == 20; });
  EXPECT_EQ(served, 20);
  EXPECT_LE(engine_->statistics().open_high_water, 3);
}

// Boost.MySQL #509: the older of two waiters is given the connection and destroyed before it has learned so;
// the younger gets it.
TEST_F(ConformanceWaiters, AWaiterDestroyedAfterItsWakeUpPassesTheConnectionOn) {
  int connected = 0;
  make({.max_open_conns = 1},
       {.on_connected = [&] { ++connected; }, .on_connect_failed = {}, .on_connection_lost = {}});
  auto elsewhere = std::make_unique<io_context>(1);
  bool older = false;
  bool younger = false;
  {
    Lease held = lease();
    start_acquire(*elsewhere, [&](Acquired&) { older = true; });
    elsewhere->poll();
    start_acquire([&](Acquired& acquired) { younger = acquired.has_value(); });
    wait_until([&] { return engine_->statistics().waiting == 2; });
  }
  EXPECT_EQ(engine_->statistics().waiting, 1);  // the older has it, and does not know
  EXPECT_EQ(engine_->statistics().in_use, 1);
  context_.restart();
  context_.poll();
  EXPECT_FALSE(younger);
  elsewhere.reset();
  wait_until([&] { return younger; });
  EXPECT_FALSE(older);
  EXPECT_EQ(engine_->statistics().in_use, 0);
  EXPECT_EQ(connected, 1);
}

// deadpool, cancellation at every point at which a client can be on its way to a connection or hold one:
// destroyed there, it leaves nothing behind, and the only connection that the pool may have serves the next.
enum class Moment { kQueued, kConnecting, kChecking, kLeased };
std::string name_of(Moment moment) {
  const std::vector<const char*> names = {"Queued", "Connecting", "Checking", "Leased"};
  return names.at(static_cast<std::size_t>(moment));
}

class ConformanceCancellation : public ConformanceWaiters, public ::testing::WithParamInterface<Moment> {};

TEST_P(ConformanceCancellation, LeavesNothingBehind) {
  int connected = 0;
  make({.max_open_conns = 1, .connect_timeout = 20s, .validate_after_idle = 0ms},
       {.on_connected = [&] { ++connected; }, .on_connect_failed = {}, .on_connection_lost = {}});
  auto elsewhere = std::make_unique<io_context>(1);
  std::optional<Lease> held;
  if (GetParam() == Moment::kQueued || GetParam() == Moment::kChecking) held = lease();
  if (GetParam() == Moment::kChecking) held.reset();
  if (GetParam() == Moment::kConnecting) server_->pause();
  bool there = false;
  asio::co_spawn(
      *elsewhere,
      [](Engine& engine, bool& leased) -> asio::awaitable<void> {
        const auto lease = co_await engine.acquire("audit", in(1h));
        leased = lease.has_value();
        asio::steady_timer never(co_await asio::this_coro::executor, TimePoint::max());
        co_await never.async_wait(asio::use_awaitable);
      }(*engine_, there),
      asio::detached);
  elsewhere->poll();
  EXPECT_EQ(engine_->statistics().waiting, 1);
  if (GetParam() == Moment::kLeased) {
    wait_until([&] {
      elsewhere->poll();
      return there;
    });
  }
  EXPECT_EQ(there, GetParam() == Moment::kLeased);
  elsewhere.reset();
  EXPECT_EQ(engine_->statistics().waiting, 0);
  if (GetParam() == Moment::kConnecting) server_->resume();
  held.reset();
  Lease next = lease();
  EXPECT_EQ(value(next, "SELECT 1"), "1");
  EXPECT_EQ(connected, 1);
  EXPECT_EQ(sockets(), 1);
}

INSTANTIATE_TEST_SUITE_P(Moments, ConformanceCancellation,
                         ::testing::Values(Moment::kQueued, Moment::kConnecting, Moment::kChecking,
                                           Moment::kLeased),
                         [](const auto& each) { return name_of(each.param); });

// HikariCP testShutdownDuringInit: a shutdown while the first connects get no answer ends every wait by its
// deadline, and is complete once the server has let go of what came too late.
TEST_F(ConformanceWaiters, ShutdownDuringInit) {
  make({.max_open_conns = 5, .connect_timeout = 20s});
  server_->pause();
  int draining = 0;
  int answered = 0;
  for (int i = 0; i < 5; ++i) {
    start_acquire([&](Acquired& acquired) {
      ++answered;
      if (!acquired && acquired.error().reason == Reason::kDraining) ++draining;
    });
  }
  wait_until([&] { return engine_->statistics().opening == 5; });
  EXPECT_FALSE(run(context_, engine_->drain(in(100ms))));
  wait_until([&] { return answered == 5; });
  EXPECT_EQ(draining, 5);
  EXPECT_EQ(sockets(), 5);
  server_->resume();
  EXPECT_TRUE(run(context_, engine_->drain(in(kPatience))));
  EXPECT_EQ(sockets(), 0);
  EXPECT_EQ(server_->app_backends(), 0);
}

}  // namespace
}  // namespace storagepool::engine
