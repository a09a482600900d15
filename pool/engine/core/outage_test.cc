// What a loss or an outage means for the other connections, and who gives way when too many wait.
#include <gtest/gtest.h>

#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Reason = AcquireError::Reason;
using testing::Pool;

TEST(CoreOutage, AfterOneLossWhatWasLastHeardOfBeforeIsCheckedFirst) {
  Pool pool({.max_open_conns = 3, .max_idle_conns = 3, .validate_after_idle = 30s});
  const auto ids = pool.lease_several(3);
  pool.release(ids[0]);
  pool.release(ids[1]);
  pool.advance(1ms);
  pool.core.doubt(pool.now);  // of the third, which its holder found dead
  pool.release(ids[2], false);
  const auto caller = pool.acquire();
  ASSERT_EQ(pool.validates, std::vector<ConnectionId>{ids[1]});
  EXPECT_EQ(pool.core.acquire_idle(pool.now, testing::kSystem, pool.now + 1s, 1s), 0u);
  pool.core.validated(pool.now, ids[1], true);
  pool.collect();
  EXPECT_EQ(pool.handed(caller), ids[1]);
  pool.advance(1ms);
  pool.release(ids[1]);
  EXPECT_EQ(pool.handed(pool.acquire()), ids[1]);  // heard of since
  EXPECT_EQ(pool.validates.size(), 1u);
}

TEST(CoreOutage, ALossWhileIdleAndAFailedCheckPutTheOthersInDoubt) {
  Pool pool({.max_open_conns = 3, .max_idle_conns = 3, .validate_after_idle = 30s});
  const auto ids = pool.lease_several(3);
  for (const auto id : ids) pool.release(id);
  pool.advance(1ms);
  pool.core.lost(pool.now, ids[2]);
  pool.collect();
  pool.acquire();
  ASSERT_EQ(pool.validates, std::vector<ConnectionId>{ids[1]});
  pool.core.validated(pool.now, ids[1], false);
  pool.collect();
  EXPECT_EQ(pool.validates, (std::vector<ConnectionId>{ids[1], ids[0]}));
}

TEST(CoreOutage, AfterAnOutageConnectsBeginByAndBy) {
  Pool pool({.max_open_conns = 20, .max_idle_conns = 20, .max_waiters = 0});
  pool.acquire();
  pool.fail_open({.detail = "down"});
  const auto waiters = pool.acquire_several(19);
  for (const auto waiter : waiters) EXPECT_EQ(pool.failed(waiter), Reason::kTooManyWaiters);
  pool.advance(1s);
  ASSERT_EQ(pool.opens.size(), 1u);  // alone
  pool.open_all();
  const auto all = pool.acquire_several(19);
  std::vector<std::size_t> rounds;
  while (!pool.opens.empty()) {
    rounds.push_back(pool.opens.size());
    const auto round = std::exchange(pool.opens, {});
    for (const auto& open : round) {
      pool.core.opened(pool.now, open.connection);
      pool.collect();
    }
  }
  EXPECT_EQ(rounds, (std::vector<std::size_t>{2, 4, 8, 5}));
  for (const auto waiter : all) EXPECT_NE(pool.handed(waiter), 0u);
}

TEST(CoreOutage, WithoutAnOutageAllConnectsBeginAtOnce) {
  Pool pool({.max_open_conns = 20, .max_idle_conns = 20});
  pool.acquire_several(20);
  EXPECT_EQ(pool.opens.size(), 20u);
}

TEST(CoreFairness, OneDatabasesWaitersLeaveTheOthersTheirPartOfThePlaces) {
  Pool pool({.max_open_conns = 2, .max_conns_per_database = 1, .system_conns = 1, .max_waiters = 10});
  pool.lease();
  pool.lease("a");
  std::vector<WaiterId> hog(10);
  for (auto& waiter : hog) waiter = pool.acquire("a");
  EXPECT_EQ(pool.failed(pool.acquire("a")), Reason::kTooManyWaiters);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(pool.failed(pool.acquire("b")), std::nullopt) << i;
    EXPECT_EQ(pool.failed(hog[9 - i]), Reason::kTooManyWaiters) << i;  // who came last
  }
  EXPECT_EQ(pool.failed(pool.acquire("b")), Reason::kTooManyWaiters);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(pool.failed(hog[i]), std::nullopt) << i;
  EXPECT_EQ(pool.statistics().waiting, 10);
}

}  // namespace
}  // namespace storagepool::engine
