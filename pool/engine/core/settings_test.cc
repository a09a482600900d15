// What every setting of the engine's core does, and statistics with it.
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Reason = AcquireError::Reason;

using testing::kSystem;
using testing::Pool;

TEST(Core, MaxIdleConnsClosesTheLeastRecentlyUsed) {
  Pool pool({.max_open_conns = 4, .max_idle_conns = 2, .surplus_idle_time = 0ms});
  const auto a = pool.lease();
  const auto b = pool.lease();
  const auto c = pool.lease();
  pool.release(a);
  pool.release(b);
  EXPECT_TRUE(pool.closes.empty());
  pool.release(c);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{a});
  EXPECT_EQ(pool.statistics().max_idle_closed, 1);
  EXPECT_EQ(pool.statistics().idle, 2);
  pool.reconfigure({.max_open_conns = 4, .max_idle_conns = 0, .surplus_idle_time = 0ms});
  EXPECT_EQ(pool.statistics().idle, 0);
}

// A steady load whose calls overlap now and then reconnects nothing.
TEST(Core, WhatIsAboveMaxIdleConnsLingersForSurplusIdleTime) {
  Pool pool({.max_open_conns = 4, .max_idle_conns = 1, .surplus_idle_time = 5s});
  for (int i = 0; i < 100; ++i) {
    const auto busy = pool.lease_several(4);
    for (const auto id : busy) pool.release(id);
    pool.advance(1s);
  }
  EXPECT_TRUE(pool.closes.empty());
  EXPECT_EQ(pool.statistics().idle, 4);
  pool.advance(3999ms);
  EXPECT_TRUE(pool.closes.empty());
  pool.advance(1ms);
  EXPECT_EQ(pool.statistics().idle, 1);
  EXPECT_EQ(pool.statistics().max_idle_closed, 3);
  EXPECT_EQ(pool.statistics().max_idle_time_closed, 0);
}

TEST(Core, ASmallerMaxIdleConnsLetsTheSurplusLinger) {
  Pool pool({.max_open_conns = 4, .max_idle_conns = 4, .surplus_idle_time = 5s});
  for (const auto id : pool.lease_several(4)) pool.release(id);
  pool.advance(2s);
  pool.reconfigure({.max_open_conns = 4, .max_idle_conns = 0, .surplus_idle_time = 5s});
  EXPECT_EQ(pool.statistics().idle, 4);
  pool.advance(3s);
  EXPECT_EQ(pool.statistics().idle, 0);
}

TEST(Core, TheMostRecentlyUsedIdleConnectionIsHandedOutFirst) {
  Pool pool({.max_open_conns = 4});
  const auto a = pool.lease();
  const auto b = pool.lease();
  pool.release(b);
  pool.release(a);
  EXPECT_EQ(pool.handed(pool.acquire()), a);
  EXPECT_EQ(pool.handed(pool.acquire()), b);
}

TEST(Core, MaxConnsPerDatabaseBoundsEveryDatabaseButTheSystems) {
  Pool pool({.max_open_conns = 10, .max_conns_per_database = 2, .system_conns = 3});
  for (int i = 0; i < 4; ++i) pool.acquire("a");
  EXPECT_EQ(pool.opens.size(), 2u);
  for (int i = 0; i < 4; ++i) pool.acquire(kSystem);
  EXPECT_EQ(pool.opens.size(), 6u);
  pool.reconfigure({.max_open_conns = 10, .max_conns_per_database = 3, .system_conns = 3});
  EXPECT_EQ(pool.opens.size(), 7u);
}

TEST(Core, SystemConnsAreKeptForTheSystemDatabase) {
  Pool pool({.max_open_conns = 4, .max_conns_per_database = 4, .system_conns = 2});
  for (int i = 0; i < 4; ++i) pool.acquire("a");
  EXPECT_EQ(pool.opens.size(), 2u);
  pool.acquire(kSystem);
  pool.acquire(kSystem);
  EXPECT_EQ(pool.opens.size(), 4u);
}

TEST(Core, SystemConnsLeaveTheOthersOne) {
  Pool pool({.max_open_conns = 4, .max_conns_per_database = 4, .system_conns = 4});
  pool.acquire("a");
  pool.acquire("a");
  EXPECT_EQ(pool.opens.size(), 1u);

  // Of one they take turns.
  Pool single({.max_open_conns = 1, .max_idle_conns = 1, .max_conns_per_database = 1, .system_conns = 1});
  single.release(single.lease(kSystem));
  single.advance(5ms);
  const auto lease = single.lease("a");
  ASSERT_NE(lease, 0u);
  const auto system = single.acquire(kSystem);
  single.release(lease);
  single.advance(5ms);
  single.close_all();
  single.open_all();
  EXPECT_NE(single.handed(system), 0u);
  EXPECT_EQ(single.statistics().open_high_water, 1);
}

TEST(Core, ConnMaxLifetimeClosesIdleAndReleasedConnectionsWithJitter) {
  const settings::Settings settings{.max_open_conns = 50, .max_idle_conns = 50, .conn_max_lifetime = 100s};
  Pool pool(settings);
  std::vector<ConnectionId> all;
  all.reserve(50);
  for (int i = 0; i < 50; ++i) all.push_back(pool.lease());
  for (int i = 0; i < 49; ++i) pool.release(all[i]);
  pool.advance(89s);
  EXPECT_TRUE(pool.closes.empty());
  pool.advance(6s);
  EXPECT_GT(pool.closes.size(), 5u);  // spread over the last tenth
  EXPECT_LT(pool.closes.size(), 45u);
  pool.advance(5s);
  EXPECT_EQ(pool.closes.size(), 49u);
  pool.release(all[49]);
  EXPECT_EQ(pool.closes.size(), 50u);
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 50);

  Pool off({.conn_max_lifetime = 0ms, .conn_max_idle_time = 0ms});
  off.release(off.lease());
  off.advance(24h);
  EXPECT_TRUE(off.closes.empty());
}

TEST(Core, ConnMaxIdleTimeClosesAtTheTimer) {
  Pool pool({.conn_max_lifetime = 0ms, .conn_max_idle_time = 10s});
  pool.release(pool.lease());
  EXPECT_EQ(pool.core.next_timer(), pool.now + 10s);
  pool.advance(10s);
  EXPECT_EQ(pool.closes.size(), 1u);
  EXPECT_EQ(pool.statistics().max_idle_time_closed, 1);
}

TEST(Core, AcquireTimeoutBoundsEveryDeadline) {
  Pool pool({.max_open_conns = 1, .acquire_timeout = 2s});
  pool.lease();
  const auto waiter = pool.acquire(kSystem, 1h);
  pool.advance(1999ms);
  EXPECT_FALSE(pool.failed(waiter));
  pool.advance(1ms);
  EXPECT_EQ(pool.failed(waiter), Reason::kDeadlineExceeded);
  EXPECT_EQ(pool.statistics().wait_count, 1);
  EXPECT_EQ(pool.statistics().wait_duration, 2s);
}

TEST(Core, MaxWaitersCountsThoseWhoWaitForSomebodyElse) {
  Pool pool({.max_open_conns = 1, .max_waiters = 1});
  const auto first = pool.acquire();  // a connection is being made for it
  EXPECT_FALSE(pool.failed(first));
  const auto second = pool.acquire();
  EXPECT_FALSE(pool.failed(second));
  const auto third = pool.acquire();
  EXPECT_EQ(pool.failed(third), Reason::kTooManyWaiters);
  EXPECT_EQ(pool.statistics().waiting, 2);
}

TEST(Core, ValidateAfterIdleChecksBeforeReuse) {
  Pool pool({.max_open_conns = 2, .validate_after_idle = 30s});
  const auto idle = pool.lease();
  pool.release(idle);
  pool.advance(29s);
  EXPECT_EQ(pool.lease(), idle);
  EXPECT_TRUE(pool.validates.empty());
  pool.release(idle);
  pool.advance(30s);
  const auto waiter = pool.acquire();
  EXPECT_EQ(pool.handed(waiter), 0u);
  ASSERT_EQ(pool.validates, std::vector<ConnectionId>{idle});
  pool.core.validated(pool.now, idle, false);
  pool.collect();
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{idle});
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
}

}  // namespace
}  // namespace storagepool::engine
