// The invariants of the core by example. Settings: settings_test.cc; random schedules:
// ../simulator/simulator_test.cc.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/common/runtime/check.h"
#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Reason = AcquireError::Reason;

using testing::kSystem;
using testing::Pool;

TEST(Core, E1MaxOpenConnsBoundsOpenOpeningAndClosing) {
  Pool pool({.max_open_conns = 2});
  pool.acquire();
  pool.acquire();
  const auto third = pool.acquire();
  EXPECT_EQ(pool.opens.size(), 2u);
  pool.open_all();
  pool.release(pool.hands[0].connection, false);  // broken: being closed, its token is not back yet
  EXPECT_TRUE(pool.opens.empty());
  EXPECT_EQ(pool.statistics().closing, 1);
  pool.close_all();
  EXPECT_EQ(pool.opens.size(), 1u);
  pool.open_all();
  EXPECT_NE(pool.handed(third), 0u);
  EXPECT_EQ(pool.statistics().open_high_water, 2);
}

TEST(Core, E2AReleasedConnectionGoesToTheFirstWaiter) {
  Pool pool({.max_open_conns = 1});
  const auto held = pool.lease();
  const auto first = pool.acquire();
  const auto second = pool.acquire();
  pool.release(held);
  EXPECT_EQ(pool.handed(first), held);
  EXPECT_EQ(pool.handed(second), 0u);
}

TEST(Core, E2AConnectThatOutlivesItsWaiterServesTheNext) {
  Pool pool({.max_open_conns = 1});
  const auto gone = pool.acquire(kSystem, 10ms);
  const auto next = pool.acquire();
  pool.advance(10ms);
  pool.open_all();
  EXPECT_EQ(pool.failed(gone), Reason::kDeadlineExceeded);
  EXPECT_EQ(pool.fails.size(), 1u);
  EXPECT_EQ(pool.handed(gone), 0u);
  EXPECT_NE(pool.handed(next), 0u);
}

TEST(Core, E3AnExpiredWaiterHandsItsTurnOn) {
  Pool pool({.max_open_conns = 1});
  const auto held = pool.lease();
  const auto expired = pool.acquire(kSystem, 10ms);
  const auto gone = pool.acquire(kSystem, 5ms);
  const auto patient = pool.acquire();
  pool.advance(5ms);
  EXPECT_EQ(pool.failed(gone), Reason::kDeadlineExceeded);
  EXPECT_FALSE(pool.failed(expired));
  pool.now += 15ms;  // no tick: the release itself must see the time
  pool.release(held);
  EXPECT_EQ(pool.failed(expired), Reason::kDeadlineExceeded);
  EXPECT_EQ(pool.fails.size(), 2u);
  EXPECT_EQ(pool.handed(expired), 0u);
  EXPECT_EQ(pool.handed(gone), 0u);
  EXPECT_EQ(pool.handed(patient), held);
}

TEST(Core, E3AnAcquireAfterItsDeadlineIsRefused) {
  Pool pool({.max_open_conns = 1});
  pool.release(pool.lease());
  EXPECT_EQ(pool.failed(pool.acquire(kSystem, 0ms)), Reason::kDeadlineExceeded);
}

TEST(Core, E3ANewWaiterHasNotThePlaceOfOneWhoExpiresAsItComes) {
  Pool pool({.max_open_conns = 1});
  pool.lease();
  const auto expired = pool.acquire(kSystem, 10ms);
  pool.now += 20ms;  // no tick
  const auto next = pool.acquire();
  EXPECT_EQ(pool.failed(expired), Reason::kDeadlineExceeded);
  EXPECT_FALSE(pool.failed(next));
  EXPECT_NE(static_cast<std::uint32_t>(next), static_cast<std::uint32_t>(expired));
}

TEST(Core, E4AShrinkClosesIdleAtOnceAndBusyOnRelease) {
  Pool pool({.max_open_conns = 4, .max_idle_conns = 4});
  const auto a = pool.lease();
  const auto b = pool.lease();
  const auto c = pool.lease();
  const auto d = pool.lease();
  pool.release(c);
  pool.release(d);
  pool.reconfigure({.max_open_conns = 1, .max_idle_conns = 1});
  EXPECT_EQ(pool.closes, (std::vector<ConnectionId>{c, d}));
  pool.close_all();
  const auto waiter = pool.acquire();
  pool.release(a);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{a});  // although somebody waits
  pool.close_all();
  EXPECT_TRUE(pool.opens.empty());
  pool.release(b);
  EXPECT_EQ(pool.handed(waiter), b);
  EXPECT_EQ(pool.statistics().max_open, 1);
}

TEST(Core, E4GrowingServesWaitersAtOnce) {
  Pool pool({.max_open_conns = 1});
  pool.lease();
  pool.acquire();
  EXPECT_TRUE(pool.opens.empty());
  pool.reconfigure({.max_open_conns = 2});
  EXPECT_EQ(pool.opens.size(), 1u);
}

TEST(Core, E5AtCapacityTheLeastRecentlyUsedIdleConnectionOfAnotherDatabaseMakesRoom) {
  Pool pool({.max_open_conns = 5, .max_conns_per_database = 2, .system_conns = 1});
  const auto a = pool.lease("a");
  const auto b = pool.lease("b");
  const auto c = pool.lease("c");
  const auto d = pool.lease("d");
  pool.release(b);
  pool.advance(1ms);
  pool.release(a);
  pool.advance(1ms);
  pool.release(c);
  pool.advance(5ms);
  const auto waiter = pool.acquire("e");
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{b});
  EXPECT_EQ(pool.statistics().evicted, 1);
  EXPECT_TRUE(pool.opens.empty());
  pool.close_all();
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
  EXPECT_NE(pool.handed(waiter), d);
}

TEST(Core, E5TheReserveOfTheSystemDatabaseIsNotEvicted) {
  Pool pool({.max_open_conns = 3, .max_idle_conns = 3, .max_conns_per_database = 3, .system_conns = 1});
  pool.release(pool.lease(kSystem));
  pool.lease("a");
  pool.lease("a");
  pool.acquire("b");
  EXPECT_TRUE(pool.closes.empty());
  // Above its reserve it gives up what it does not use.
  Pool lent({.max_open_conns = 3, .max_idle_conns = 3, .max_conns_per_database = 3, .system_conns = 1});
  const auto first = lent.lease(kSystem);
  const auto second = lent.lease(kSystem);
  const auto third = lent.lease(kSystem);
  lent.release(first);
  lent.release(second);
  lent.release(third);
  lent.advance(5ms);
  lent.acquire("a");
  EXPECT_EQ(lent.closes, std::vector<ConnectionId>{first});
}

TEST(Core, E6AfterAFailureOneConnectAtATimeAfterAGrowingBackoff) {
  Pool pool({.max_open_conns = 4, .acquire_timeout = 1h});
  for (int i = 0; i < 4; ++i) pool.acquire();
  EXPECT_EQ(pool.opens.size(), 4u);
  while (!pool.opens.empty()) pool.fail_open({.detail = "no answer"});
  const TimePoint began = pool.now;
  std::chrono::nanoseconds delay{0};
  int attempts = 0;
  for (; pool.now < began + 5min; ++attempts) {
    const auto outage = pool.now - began;
    const TimePoint next = pool.core.next_timer().value_or(pool.now);
    delay = next - pool.now;
    EXPECT_GE(delay, std::clamp<std::chrono::nanoseconds>(outage / 50, 10ms, 500ms));
    EXPECT_LE(delay, std::clamp<std::chrono::nanoseconds>(outage / 33, 15ms, 750ms));
    pool.now = next - 1ms;
    pool.core.tick(pool.now);
    pool.collect();
    EXPECT_TRUE(pool.opens.empty());
    pool.advance(1ms);
    ASSERT_EQ(pool.opens.size(), 1u) << attempts;
    pool.fail_open({.detail = "no answer"});
  }
  EXPECT_GE(delay, 500ms);
  EXPECT_LT(attempts, 50 * 7 + 5 * 60 * 2);
  EXPECT_EQ(pool.statistics().connect_failures, 4 + attempts);
  EXPECT_TRUE(pool.fails.empty());  // it may come back before their deadline

  pool.now = pool.core.next_timer().value_or(pool.now);
  pool.core.tick(pool.now);
  pool.collect();
  pool.open_all();  // it is back: everybody is served within this step
  EXPECT_EQ(pool.hands.size(), 4u);
}

TEST(Core, E6AWaiterOfADeadServerFailsAtItsDeadlineWithTheReason) {
  Pool pool({.acquire_timeout = 3s});
  const auto waiter = pool.acquire();
  pool.fail_open({.detail = "connecting to db:5432/system: no answer in time"});
  EXPECT_FALSE(pool.failed(waiter));
  while (!pool.failed(waiter)) {
    ASSERT_TRUE(pool.core.next_timer().has_value());
    pool.now = pool.core.next_timer().value_or(pool.now);
    pool.core.tick(pool.now);
    pool.collect();
    if (!pool.opens.empty()) pool.fail_open({.detail = "connecting to db:5432/system: no answer in time"});
  }
  EXPECT_EQ(pool.now, TimePoint(1h) + 3s);
  EXPECT_EQ(pool.failed(waiter), Reason::kConnectFailed);
  EXPECT_EQ(pool.error(waiter).detail, "connecting to db:5432/system: no answer in time");
}

TEST(Core, E6ADeadlineDuringAnAttemptSaysWhyTheOneBeforeFailed) {
  Pool pool({.acquire_timeout = 3s});
  const auto waiter = pool.acquire();
  pool.fail_open({.detail = "too many connections"});
  pool.advance(1s);
  ASSERT_EQ(pool.opens.size(), 1u);  // gets no answer
  pool.advance(2s);
  EXPECT_EQ(pool.failed(waiter), Reason::kConnectFailed);
  EXPECT_EQ(pool.error(waiter).detail, "too many connections");
}

TEST(Core, E6ALastingFailureAnswersAtOnceUntilTheNextAttempt) {
  Pool pool({});
  const auto waiter = pool.acquire();
  pool.fail_open({.lasting = true, .detail = "refused the credentials"});
  EXPECT_EQ(pool.failed(waiter), Reason::kConnectFailed);
  EXPECT_EQ(pool.error(waiter).detail, "refused the credentials");
  EXPECT_GE(pool.error(waiter).retry_after, 1s);
  EXPECT_TRUE(pool.failed(pool.acquire()));
  EXPECT_TRUE(pool.failed(pool.acquire("a")));
  pool.advance(200ms);
  const auto later = pool.acquire();
  ASSERT_EQ(pool.opens.size(), 1u);
  pool.open_all();
  EXPECT_NE(pool.handed(later), 0u);
}

TEST(Core, E6ALastingFailureDoesNotFailWhoeverCanBeServedByALivingConnection) {
  Pool pool({.max_open_conns = 2});
  const auto held = pool.lease();
  const auto waiter = pool.acquire();
  pool.fail_open({.lasting = true, .detail = "refused the credentials"});
  EXPECT_FALSE(pool.failed(waiter));
  pool.release(held);
  EXPECT_EQ(pool.handed(waiter), held);
}

TEST(Core, E6AMissingDatabaseConcernsNoOther) {
  Pool pool({});
  const auto missing = pool.acquire("a");
  pool.fail_open({.database_only = true, .lasting = true, .detail = "does not exist"});
  EXPECT_TRUE(pool.failed(missing));
  EXPECT_NE(pool.lease("b"), 0u);
}

TEST(Core, E7ABrokenConnectionIsClosedNotReused) {
  Pool pool({.max_open_conns = 1});
  const auto broken = pool.lease();
  pool.release(broken, false);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{broken});
  EXPECT_NE(pool.lease(), broken);
}

TEST(Core, ALostIdleConnectionGivesItsTokenBack) {
  Pool pool({.max_open_conns = 1});
  const auto idle = pool.lease();
  pool.release(idle);
  pool.core.lost(pool.now, idle);
  pool.collect();
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{idle});
  EXPECT_NE(pool.lease(), 0u);
}

TEST(Core, AConnectionIsNotGivenUpForAWaiterWhoGetsAnotherAnyway) {
  Pool pool({.max_open_conns = 6, .max_conns_per_database = 2, .system_conns = 1});
  const auto gone = pool.acquire("a", 1ms);
  pool.acquire(kSystem);
  std::swap(pool.opens[0], pool.opens[1]);
  pool.fail_open({.detail = "no answer"});  // from here on new connects wait for the back-off
  const auto older = pool.acquire("b");
  const auto younger = pool.acquire("a");
  pool.advance(1ms);
  EXPECT_EQ(pool.failed(gone), Reason::kConnectFailed);
  EXPECT_EQ(pool.fails.size(), 1u);
  const auto id = pool.opens[0].connection;
  pool.core.opened(pool.now, id);  // it is back: there is a token for everybody
  pool.collect();
  EXPECT_EQ(pool.handed(younger), id);
  EXPECT_TRUE(pool.closes.empty());
  pool.open_all();
  EXPECT_NE(pool.handed(older), 0u);
}

TEST(Core, DrainRefusesNewcomersServesWaitersAndClosesEverything) {
  Pool pool({.max_open_conns = 2, .max_idle_conns = 2});
  const auto idle = pool.lease();
  const auto busy = pool.lease();
  pool.release(idle);
  const auto again = pool.acquire();
  const auto waiter = pool.acquire();
  pool.core.drain(pool.now, pool.now + 5s);
  pool.collect();
  EXPECT_EQ(pool.failed(pool.acquire()), Reason::kDraining);
  pool.release(busy);
  EXPECT_EQ(pool.handed(waiter), busy);
  pool.release(busy);
  pool.release(pool.handed(again));
  EXPECT_FALSE(pool.core.drained());
  pool.close_all();
  EXPECT_TRUE(pool.core.drained());
}

TEST(Core, ADrainFailsItsLastWaitersAtItsDeadline) {
  Pool pool({.max_open_conns = 1});
  pool.lease();
  const auto waiter = pool.acquire();
  pool.core.drain(pool.now, pool.now + 5s);
  pool.advance(5s);
  EXPECT_EQ(pool.failed(waiter), Reason::kDraining);
}

TEST(Core, CountsTheReleaseOfAnUnknownLeaseAndDoesNothing) {
  Pool pool({.max_open_conns = 1, .max_idle_conns = 1});
  const auto held = pool.lease();
  const auto next = pool.acquire();
  const auto before = check::violations();
  pool.release(held + 1);
  pool.release(held + (std::uint64_t{1} << 32));
  EXPECT_EQ(check::violations(), before + 2);
  EXPECT_EQ(pool.handed(next), 0u);
  EXPECT_EQ(pool.statistics().in_use, 1);
  pool.release(held);
  pool.release(pool.handed(next));
  EXPECT_EQ(check::violations(), before + 2);
  pool.release(held);  // a second time
  EXPECT_EQ(check::violations(), before + 3);
  EXPECT_EQ(pool.statistics().idle, 1);
  EXPECT_EQ(pool.statistics().in_use, 0);
  EXPECT_EQ(pool.lease(), held);
}

TEST(Core, CountsNewsThatContradictWhatItKnows) {
  Pool pool({.max_open_conns = 1});
  const auto held = pool.lease();
  const auto before = check::violations();
  pool.core.opened(pool.now, held);
  pool.core.open_failed(pool.now, held, {.lasting = true, .detail = "late"});
  pool.core.validated(pool.now, held, false);
  pool.core.closed(pool.now, held);
  pool.core.reopen_database(pool.now, kSystem);
  pool.core.reopen_database(pool.now, "unknown");
  EXPECT_EQ(check::violations(), before + 6);
  pool.core.lost(pool.now, held);  // nobody's fault: it may come late
  EXPECT_EQ(check::violations(), before + 6);
  pool.collect();
  EXPECT_TRUE(pool.closes.empty());
  EXPECT_EQ(pool.statistics().in_use, 1);
}

}  // namespace
}  // namespace storagepool::engine
