// What bb8, Boost.MySQL, psycopg_pool and deadpool promise to those who wait, and HikariCP to those who come
// while it starts or stops: on a real server.
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "pool/engine/conformance/testing/fixture.h"

namespace storagepool::engine {
namespace {

namespace asio = boost::asio;

class ConformanceWaiters : public ConformanceTest {
 protected:
  static void SetUpTestSuite() { start_server(); }
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

// Boost.MySQL #509: the older of two waiters gives up at about the moment at which the connection comes back;
// whether it got it or not, the younger is served by the same connection.
TEST_F(ConformanceWaiters, AWaiterWhoGivesUpAtItsTurnPassesTheConnectionOn) {
  int connected = 0;
  make({.max_open_conns = 1},
       {.on_connected = [&] { ++connected; }, .on_connect_failed = {}, .on_connection_lost = {}});
  for (int round = 0; round < 100; ++round) {
    std::optional<Lease> held = lease();
    std::optional<bool> older;
    std::optional<bool> younger;
    start_acquire([&](Acquired& acquired) { older = acquired.has_value(); }, 1ms);
    start_acquire([&](Acquired& acquired) { younger = acquired.has_value(); });
    asio::steady_timer release(context_, std::chrono::microseconds(700 + 6 * round));
    release.async_wait([&](const boost::system::error_code&) { held.reset(); });
    wait_until([&] { return older && younger; });
    ASSERT_EQ(younger, true);
  }
  EXPECT_EQ(connected, 1);
}

// deadpool, cancellation at every point at which a client can be on its way to a connection: giving up there,
// it leaves nothing behind, and the only connection that the pool may have serves the next.
enum class Moment { kQueued, kConnecting, kChecking };
std::string name_of(Moment moment) {
  const std::vector<const char*> names = {"Queued", "Connecting", "Checking"};
  return names.at(static_cast<std::size_t>(moment));
}

class ConformanceCancellation : public ConformanceWaiters, public ::testing::WithParamInterface<Moment> {};

TEST_P(ConformanceCancellation, LeavesNothingBehind) {
  const Moment moment = GetParam();
  int connected = 0;
  make({.max_open_conns = 1, .connect_timeout = 20s, .validate_after_idle = 0ms},
       {.on_connected = [&] { ++connected; }, .on_connect_failed = {}, .on_connection_lost = {}});
  std::optional<Lease> held;
  pid_t checked = 0;
  if (moment == Moment::kConnecting) {
    server_->pause();
  } else {
    held = lease();
    checked = std::stoi(backend(*held));
  }
  if (moment == Moment::kChecking) {
    held.reset();
    ASSERT_EQ(kill(checked, SIGSTOP), 0);
  }
  std::optional<bool> gave_up;
  start_acquire([&](Acquired& acquired) { gave_up = !acquired; }, 50ms);
  wait_until([&] { return engine_->statistics().waiting == 1; });
  EXPECT_EQ(engine_->statistics().opening, moment == Moment::kConnecting ? 1 : 0);
  EXPECT_EQ(engine_->statistics().in_use, moment == Moment::kConnecting ? 0 : 1);
  wait_until([&] { return gave_up.has_value(); });
  if (moment == Moment::kConnecting) server_->resume();
  if (moment == Moment::kChecking) {
    ASSERT_EQ(kill(checked, SIGCONT), 0);
  }
  EXPECT_EQ(gave_up, true);
  EXPECT_EQ(engine_->statistics().waiting, 0);
  held.reset();
  Lease next = lease();
  EXPECT_EQ(value(next, "SELECT 1"), "1");
  EXPECT_EQ(connected, 1);
  EXPECT_EQ(sockets(), 1);
}

INSTANTIATE_TEST_SUITE_P(Moments, ConformanceCancellation,
                         ::testing::Values(Moment::kQueued, Moment::kConnecting, Moment::kChecking),
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
