// What Go's database/sql promises of its pool, as behaviour of the core. Each test names the one of
// database/sql whose behaviour it holds us to.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Reason = AcquireError::Reason;

using testing::Pool;

// Ticks exactly when the core asks to be ticked, at the latest until `end`.
void follow_timers(Pool& pool, TimePoint end) {
  for (auto next = pool.core.next_timer(); next && *next <= end; next = pool.core.next_timer()) {
    ASSERT_GT(*next, pool.now) << "a timer that stands still";
    pool.now = *next;
    pool.core.tick(pool.now);
    pool.collect();
  }
}

// TestMaxOpenConns: however many callers, no more connections than the limit are ever made, every caller is
// served by one of them, and the callers who waited are counted.
TEST(ConformanceSql, MaxOpenConns) {
  Pool pool({.max_open_conns = 10, .max_idle_conns = 10});
  const auto callers = pool.acquire_several(25);
  EXPECT_EQ(pool.opens.size(), 10u);
  pool.open_all();
  EXPECT_EQ(pool.hands.size(), 10u);
  EXPECT_EQ(pool.statistics().wait_count, 15);
  for (std::size_t served = 0; served < callers.size(); ++served) {
    const auto connection = pool.handed(callers[served]);
    ASSERT_NE(connection, 0u) << served;
    pool.release(connection);
    EXPECT_TRUE(pool.opens.empty());
  }
  EXPECT_EQ(pool.hands.size(), 25u);
  EXPECT_EQ(pool.statistics().open, 10);
  EXPECT_EQ(pool.statistics().idle, 10);
  EXPECT_EQ(pool.statistics().open_high_water, 10);
  EXPECT_TRUE(pool.closes.empty());

  pool.reconfigure({.max_open_conns = 3, .max_idle_conns = 3});
  EXPECT_EQ(pool.statistics().open, 3);
  pool.close_all();
  const auto again = pool.lease_several(3);
  const auto fourth = pool.acquire();
  EXPECT_TRUE(pool.opens.empty());
  EXPECT_EQ(pool.handed(fourth), 0u);
  pool.release(again[1]);
  EXPECT_EQ(pool.handed(fourth), again[1]);
}

// TestMaxOpenConnsOnBusy: a limit lowered below what is in use closes nothing that is in use; what comes back
// first is closed, and nothing more than that.
TEST(ConformanceSql, MaxOpenConnsOnBusy) {
  Pool pool({.max_open_conns = 3, .max_idle_conns = 2});
  const auto first = pool.lease();
  const auto second = pool.lease();
  const auto third = pool.lease();
  pool.reconfigure({.max_open_conns = 2, .max_idle_conns = 2});
  EXPECT_EQ(pool.statistics().open, 3);
  EXPECT_TRUE(pool.closes.empty());
  pool.release(first);
  EXPECT_EQ(pool.statistics().open, 2);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{first});
  pool.release(second);
  pool.release(third);
  EXPECT_EQ(pool.statistics().open, 2);
  EXPECT_EQ(pool.statistics().idle, 2);
  EXPECT_EQ(pool.closes.size(), 1u);
}

// TestPendingConnsAfterErr: when the connects of the first callers fail, those queued behind them get an
// answer too, although nothing is ever released to them.
TEST(ConformanceSql, PendingConnsAfterErr) {
  Pool pool({.max_open_conns = 2, .max_idle_conns = 0, .acquire_timeout = 5s});
  const TimePoint start = pool.now;
  const auto callers = pool.acquire_several(6);
  ASSERT_EQ(pool.opens.size(), 2u);
  // Each attempt that follows fails as well, until nobody waits any more.
  for (int round = 0; pool.statistics().waiting > 0; ++round) {
    ASSERT_LT(round, 1000);
    while (!pool.opens.empty()) pool.fail_open({.detail = "offline"});
    if (pool.statistics().waiting == 0) break;
    const auto next = pool.core.next_timer();
    ASSERT_TRUE(next) << "waiters without a timer";
    ASSERT_GT(*next, pool.now);
    pool.now = *next;
    pool.core.tick(pool.now);
    pool.collect();
  }
  EXPECT_LE(pool.now, start + 5s);
  for (const auto caller : callers) {
    EXPECT_EQ(pool.failed(caller), Reason::kConnectFailed);
    EXPECT_EQ(pool.error(caller).detail, "offline");
  }
  EXPECT_EQ(pool.statistics().open + pool.statistics().opening + pool.statistics().closing, 0);

  // The failed attempts cost no token: once it answers again, the pool is as large as before.
  pool.advance(10s);
  pool.acquire();
  pool.acquire();
  pool.open_all();
  EXPECT_EQ(pool.statistics().in_use, 2);
}

// TestPendingConnsAfterErr, where the failure is one that waiting does not mend: everybody is told at once.
TEST(ConformanceSql, PendingConnsAfterALastingErr) {
  Pool pool({.max_open_conns = 2, .max_idle_conns = 0});
  const auto callers = pool.acquire_several(6);
  while (!pool.opens.empty()) pool.fail_open({.lasting = true, .detail = "refused"});
  for (const auto caller : callers) EXPECT_EQ(pool.failed(caller), Reason::kConnectFailed);
}

// TestConnMaxLifetime: a connection past its lifetime is replaced on the next use, even when no timer has
// fired yet; one within it is reused; a lifetime shortened later holds for the connections that exist.
TEST(ConformanceSql, ConnMaxLifetime) {
  settings::Settings settings{
      .max_open_conns = 10, .max_idle_conns = 10, .conn_max_lifetime = 10s, .conn_max_idle_time = 0ms};
  Pool pool(settings);
  const auto old = pool.lease();
  pool.advance(6s);
  const auto young = pool.lease();
  pool.release(young);
  pool.release(old);
  EXPECT_EQ(pool.lease(), old);  // within its lifetime
  pool.release(old);
  pool.now += 5s;  // no tick: the acquire itself must see the time
  const auto next = pool.acquire();
  EXPECT_EQ(pool.handed(next), young);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{old});
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 1);
  pool.close_all();
  pool.now += 5s;
  pool.release(young);  // became too old while it was in use
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{young});
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 2);
  pool.close_all();

  const auto last = pool.lease();
  pool.release(last);
  pool.advance(2s);
  EXPECT_EQ(pool.statistics().open, 1);
  settings.conn_max_lifetime = 1s;
  pool.reconfigure(settings);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{last});
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 3);
}

// TestMaxIdleTime: of five connections, two of which are used again, exactly the other three are closed for
// having been idle too long, each at the moment its time is over.
TEST(ConformanceSql, MaxIdleTime) {
  Pool pool({.max_open_conns = 5, .max_idle_conns = 5, .conn_max_lifetime = 0ms, .conn_max_idle_time = 10s});
  const auto used = pool.lease_several(5);
  for (auto connection = used.rbegin(); connection != used.rend(); ++connection) {
    pool.now += 1ms;
    pool.release(*connection);
  }
  const TimePoint last_release = pool.now;
  pool.advance(5s);
  const auto first = pool.lease();
  const auto second = pool.lease();
  EXPECT_EQ(first, used[0]);
  EXPECT_EQ(second, used[1]);
  pool.release(first);
  pool.release(second);

  EXPECT_EQ(pool.core.next_timer(), last_release - 4ms + 10s);  // the least recently used one first
  follow_timers(pool, last_release + 10s);
  EXPECT_EQ(pool.closes, (std::vector<ConnectionId>{used[4], used[3], used[2]}));
  EXPECT_EQ(pool.now, last_release - 2ms + 10s);
  EXPECT_EQ(pool.statistics().max_idle_time_closed, 3);
  EXPECT_EQ(pool.statistics().max_idle_closed, 0);
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 0);
  EXPECT_EQ(pool.statistics().idle, 2);
}

// TestMaxIdleTime, with a lifetime besides: a connection is closed by the limit that it meets first and
// counted once.
TEST(ConformanceSql, MaxIdleTimeAndLifetimeCountEachConnectionOnce) {
  Pool pool({.max_open_conns = 3, .max_idle_conns = 3, .conn_max_lifetime = 20s, .conn_max_idle_time = 10s});
  const auto busy = pool.lease();
  pool.release(pool.lease());
  for (int i = 0; i < 5; ++i) {  // used over and over, it never is idle for long
    const TimePoint next = pool.now + 4s;
    pool.release(busy);
    follow_timers(pool, next);
    pool.now = next;
    ASSERT_EQ(pool.lease(), busy) << i;
    if (pool.statistics().max_lifetime_closed > 0) break;
    if (pool.now >= TimePoint(1h) + 16s) break;
  }
  EXPECT_EQ(pool.statistics().max_idle_time_closed, 1);
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 0);
  pool.now += 4s;
  pool.release(busy);
  EXPECT_EQ(pool.statistics().max_idle_time_closed, 1);
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 1);
  EXPECT_EQ(pool.statistics().open, 0);
}

// TestStatsMaxIdleClosedZero: one connection used over and over within the idle limit is never closed.
TEST(ConformanceSql, StatsMaxIdleClosedZero) {
  Pool pool({.max_open_conns = 1, .max_idle_conns = 1});
  const auto first = pool.lease();
  pool.release(first);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pool.handed(pool.acquire()), first);
    pool.release(first);
  }
  EXPECT_EQ(pool.statistics().max_idle_closed, 0);
  EXPECT_TRUE(pool.closes.empty());
  EXPECT_TRUE(pool.opens.empty());
}

// TestStatsMaxIdleClosedTen: with no idle connections allowed every one of ten uses ends in a close that is
// counted.
TEST(ConformanceSql, StatsMaxIdleClosedTen) {
  Pool pool({.max_open_conns = 1, .max_idle_conns = 0, .surplus_idle_time = 0ms});
  for (int i = 0; i < 10; ++i) {
    const auto connection = pool.lease();
    ASSERT_NE(connection, 0u) << i;
    pool.release(connection);
    EXPECT_EQ(pool.closes, std::vector<ConnectionId>{connection});
  }
  EXPECT_EQ(pool.statistics().max_idle_closed, 10);
  EXPECT_EQ(pool.statistics().idle, 0);
}

// TestManyErrBadConn: however many idle connections turn out to be dead, the caller is passed from one to the
// next at once, whether or not the server has let go of those before, and in the end to a new one.
TEST(ConformanceSql, ManyErrBadConn) {
  Pool pool({.max_open_conns = 4, .max_idle_conns = 4, .validate_after_idle = 30s});
  const auto idle = pool.lease_several(4);
  for (const auto connection : idle) pool.release(connection);
  pool.advance(1min);
  const auto caller = pool.acquire();
  for (std::size_t dead = 1; dead <= 4; ++dead) {
    ASSERT_EQ(pool.validates.size(), dead);
    pool.core.validated(pool.now, pool.validates.back(), false);
    pool.collect();
    EXPECT_EQ(pool.closes.size(), dead);
  }
  EXPECT_TRUE(pool.opens.empty());  // no token before the server has let go of one
  pool.close_all();
  EXPECT_EQ(pool.opens.size(), 1u);
  pool.open_all();
  EXPECT_NE(pool.handed(caller), 0u);
  EXPECT_EQ(pool.failed(caller), std::nullopt);
  EXPECT_EQ(pool.statistics().open, 1);
}

// TestConnectionLeak: a caller is served by a connection that was released while a new one was being made for
// it; when the new one arrives the idle ones are as many as may be, and one too many is closed, not
// forgotten.
TEST(ConformanceSql, ConnectionLeak) {
  Pool pool({.max_open_conns = 4, .max_idle_conns = 3, .surplus_idle_time = 0ms});
  const auto busy = pool.lease_several(3);
  const auto caller = pool.acquire();
  ASSERT_EQ(pool.opens.size(), 1u);
  pool.release(busy[0]);
  ASSERT_EQ(pool.handed(caller), busy[0]);
  for (const auto connection : busy) pool.release(connection);
  EXPECT_EQ(pool.statistics().idle, 3);
  pool.open_all();
  EXPECT_EQ(pool.statistics().idle, 3);
  EXPECT_EQ(pool.statistics().max_idle_closed, 1);
  EXPECT_EQ(pool.closes.size(), 1u);
  pool.close_all();
  const auto all = pool.lease_several(4);
  EXPECT_EQ(std::count(all.begin(), all.end(), 0u), 0);  // every token is accounted for
  EXPECT_EQ(pool.statistics().open, 4);
}

}  // namespace
}  // namespace storagepool::engine
