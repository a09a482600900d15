// The short way of taking and giving back ends as the long one does, or is not taken.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using testing::kSystem;
using testing::Pool;

constexpr auto kAtMost = 10ms;

ConnectionId take(Pool& pool, const std::string& database = kSystem) {
  const auto id = pool.core.acquire_idle(pool.now, database, pool.now + 1h, kAtMost);
  pool.collect();
  return id;
}
bool put(Pool& pool, ConnectionId id) {
  const bool done = pool.core.release_idle(pool.now, id);
  pool.collect();
  return done;
}

TEST(CoreFastPath, TakesTheMostRecentlyUsedOfItsDatabaseAndGivesItBack) {
  Pool pool({});
  const auto first = pool.lease();
  const auto second = pool.lease();
  const auto other = pool.lease("a");
  EXPECT_EQ(take(pool), 0u);
  EXPECT_TRUE(put(pool, first) && put(pool, second) && put(pool, other));
  EXPECT_FALSE(put(pool, second));
  EXPECT_EQ(pool.statistics().idle, 3);
  EXPECT_EQ(take(pool, "unknown"), 0u);
  EXPECT_EQ(take(pool), second);
  EXPECT_EQ(take(pool), first);
  EXPECT_EQ(take(pool), 0u);
  EXPECT_EQ(take(pool, "a"), other);
  EXPECT_EQ(pool.statistics().in_use, 3);
  EXPECT_EQ(pool.statistics().wait_count, 0);
  EXPECT_TRUE(put(pool, first));
  EXPECT_EQ(pool.handed(pool.acquire()), first);
}

TEST(CoreFastPath, TakesNothingThatWasIdleForLongOrIsToBeChecked) {
  Pool pool({});
  const auto id = pool.lease();
  ASSERT_TRUE(put(pool, id));
  pool.now += kAtMost;
  EXPECT_EQ(take(pool), 0u);
  EXPECT_EQ(pool.handed(pool.acquire()), id);
  pool.reconfigure({.validate_after_idle = 0ms});
  ASSERT_TRUE(put(pool, id));
  EXPECT_EQ(take(pool), 0u);
}

TEST(CoreFastPath, TakesNothingAfterItsDeadlineOrTheConnectionsTime) {
  Pool pool({.conn_max_lifetime = 1s, .conn_max_idle_time = 5ms});
  const auto id = pool.lease();
  ASSERT_TRUE(put(pool, id));
  EXPECT_EQ(pool.core.acquire_idle(pool.now, kSystem, pool.now, kAtMost), 0u);
  pool.now += 5ms;
  EXPECT_EQ(take(pool), 0u);
  pool.now += 2s;
  const auto next = pool.lease();
  EXPECT_NE(next, id);
  pool.now += 2s;
  EXPECT_FALSE(put(pool, next));
  pool.release(next);
  EXPECT_EQ(pool.statistics().max_lifetime_closed, 1);
}

TEST(CoreFastPath, GivesBackNothingThatHasAWaiterOrMayNotBeKept) {
  Pool pool({.max_open_conns = 3, .max_idle_conns = 1, .system_conns = 1, .surplus_idle_time = 0ms});
  const auto a = pool.lease();
  const auto b = pool.lease();
  const auto c = pool.lease("a");
  EXPECT_TRUE(put(pool, a));
  EXPECT_FALSE(put(pool, b));  // a second idle one
  pool.release(b);
  pool.close_all();
  pool.core.retire(pool.now);
  pool.collect();
  EXPECT_FALSE(put(pool, c));
  pool.release(c);
  pool.close_all();

  const auto d = pool.lease("a");
  pool.core.close_database(pool.now, "a");
  pool.collect();
  EXPECT_FALSE(put(pool, d));
  pool.core.reopen_database(pool.now, "a");
  pool.core.suspend(pool.now);
  EXPECT_FALSE(put(pool, d));
  pool.core.resume(pool.now);
  pool.collect();
  EXPECT_TRUE(put(pool, d));
  EXPECT_EQ(take(pool, "a"), d);

  const auto e = pool.lease();
  const auto f = pool.lease();
  const auto waiter = pool.acquire("b");
  EXPECT_FALSE(put(pool, d));
  pool.release(d);
  EXPECT_FALSE(put(pool, e));
  pool.advance(1s);
  pool.close_all();
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
  pool.core.drain(pool.now, pool.now + 1s);
  pool.collect();
  EXPECT_FALSE(put(pool, f));
}

TEST(CoreFastPath, E3AConnectionThatIsGivenBackPassesToWhoAsksUntilOthersHaveWaitedForLong) {
  Pool pool({.max_open_conns = 2, .system_conns = 1});
  const auto id = pool.lease();
  const auto passes = [&](std::string_view database = kSystem) {
    return pool.core.passes(pool.now, id, database, pool.now + 1h);
  };
  EXPECT_FALSE(pool.core.keeps(pool.now, id)) << "nobody waits";
  pool.lease("a");
  pool.acquire();
  EXPECT_TRUE(pool.core.keeps(pool.now, id));
  EXPECT_TRUE(passes());
  EXPECT_FALSE(passes("a")) << "it is of another database";
  EXPECT_FALSE(pool.core.passes(pool.now, id, kSystem, pool.now)) << "the deadline is over";
  pool.now += Core::kPassed - 1ns;
  EXPECT_TRUE(passes());
  pool.now += 1ns;
  EXPECT_FALSE(passes());
  EXPECT_TRUE(pool.core.keeps(pool.now, id));
}

TEST(CoreFastPath, E3NothingPassesByOneWhoWaitsForAnotherDatabasesFirstConnection) {
  Pool pool({.max_open_conns = 2, .system_conns = 1});
  const auto id = pool.lease("a");
  pool.lease();
  pool.acquire("b");
  pool.now += Core::kPassed;
  pool.acquire("a");
  EXPECT_FALSE(pool.core.passes(pool.now, id, "a", pool.now + 1h));
}

TEST(CoreFastPath, NothingIsKeptThatMayNotBeHandedOut) {
  Pool pool({.max_open_conns = 1, .conn_max_lifetime = 1h});
  const auto id = pool.lease();
  pool.acquire();
  const auto keeps = [&] { return pool.core.keeps(pool.now, id); };
  ASSERT_TRUE(keeps());
  pool.core.suspend(pool.now);
  EXPECT_FALSE(keeps());
  pool.core.resume(pool.now);
  ASSERT_TRUE(keeps());
  pool.core.want_trial(pool.now);
  EXPECT_FALSE(keeps()) << "a trial wants its token";
  pool.core.end_trial(pool.now);
  ASSERT_TRUE(keeps());
  EXPECT_FALSE(pool.core.keeps(pool.now + 1h, id)) << "its lifetime is over";
  pool.core.retire(pool.now);
  EXPECT_FALSE(keeps());
  EXPECT_FALSE(pool.core.keeps(pool.now, 0));
}

}  // namespace
}  // namespace storagepool::engine
