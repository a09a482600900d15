// What other pools promise to those who wait, or were found not to keep, as behaviour of the core. Each test
// names the pool and the behaviour.
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/conformance/testing/world.h"
#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Reason = AcquireError::Reason;

using testing::Gate;
using testing::Gates;
using testing::kSystem;
using testing::Pool;
using testing::World;

// puddle, a cancelled acquire does not cancel the constructor: the connect goes on without its caller, who
// gave up by deadline, and the next one gets its connection without a second connect.
TEST(ConformancePuddle, CancelledAcquireDoesNotCancelTheConstructor) {
  Pool pool({.max_open_conns = 5, .system_conns = 1});
  const auto gone = pool.acquire(kSystem, 5ms);
  const auto later = pool.acquire("a", 10ms);
  pool.advance(5ms);
  EXPECT_EQ(pool.failed(gone), Reason::kDeadlineExceeded);
  EXPECT_FALSE(pool.failed(later));
  pool.advance(5ms);
  EXPECT_EQ(pool.failed(later), Reason::kDeadlineExceeded);
  EXPECT_EQ(pool.fails.size(), 2u);
  EXPECT_EQ(pool.statistics().opening, 2);
  EXPECT_TRUE(pool.closes.empty());
  const auto next = pool.acquire();  // covered by the connect that is under way
  EXPECT_EQ(pool.opens.size(), 2u);
  pool.open_all();
  EXPECT_NE(pool.handed(next), 0u);
  EXPECT_NE(pool.handed(pool.acquire("a")), 0u);
  EXPECT_TRUE(pool.opens.empty());
  EXPECT_TRUE(pool.closes.empty());
}

// puddle, a failed constructor signals the next waiter: the token of a failed connect goes at once to
// whoever waits for one.
TEST(ConformancePuddle, AFailedConstructorSignalsTheNextWaiter) {
  Pool pool({.max_open_conns = 2, .max_conns_per_database = 1, .system_conns = 1});
  const auto first = pool.acquire("missing");
  const auto next = pool.acquire("a");
  ASSERT_EQ(pool.opens.size(), 1u);
  pool.fail_open({.database_only = true, .lasting = true, .detail = "does not exist"});
  EXPECT_EQ(pool.failed(first), Reason::kConnectFailed);
  ASSERT_EQ(pool.opens.size(), 1u);  // in the same step, without a timer
  EXPECT_EQ(pool.opens[0].database, "a");
  pool.open_all();
  EXPECT_NE(pool.handed(next), 0u);
}

// puddle, the same within one database, where the next attempt has to wait for the back-off: everybody who
// waits is served once it is over, by one timer.
TEST(ConformancePuddle, AFailedConstructorSignalsTheNextWaiterAfterTheBackoff) {
  Pool pool({.max_open_conns = 1});
  const auto first = pool.acquire(kSystem, 1ms);
  const auto second = pool.acquire();
  pool.fail_open({.detail = "no answer"});
  pool.advance(1ms);  // the first gives up; its turn to try is not lost with it
  EXPECT_EQ(pool.failed(first), Reason::kConnectFailed);
  EXPECT_TRUE(pool.opens.empty());
  const auto next = pool.core.next_timer();
  ASSERT_TRUE(next);
  pool.now = *next;
  pool.core.tick(pool.now);
  pool.collect();
  ASSERT_EQ(pool.opens.size(), 1u);
  pool.open_all();
  EXPECT_EQ(pool.handed(first), 0u);
  EXPECT_NE(pool.handed(second), 0u);
  EXPECT_EQ(pool.fails.size(), 1u);
}

// puddle, close blocks until all are released: it is not over while one is out, and what is released is
// closed even when somebody still waits for another database.
TEST(ConformancePuddle, CloseBlocksUntilAllAreReleased) {
  Pool pool({.max_open_conns = 4, .max_idle_conns = 4});
  const auto out = pool.lease_several(3);
  pool.release(pool.lease());
  pool.core.drain(pool.now, pool.now + 1s);
  pool.collect();
  pool.close_all();  // the idle one
  pool.advance(1min);
  for (const auto connection : out) {
    EXPECT_FALSE(pool.core.drained());
    EXPECT_EQ(pool.failed(pool.acquire()), Reason::kDraining);
    pool.release(connection);
    EXPECT_EQ(pool.closes, std::vector<ConnectionId>{connection});
    EXPECT_FALSE(pool.core.drained());
    pool.close_all();
  }
  EXPECT_TRUE(pool.core.drained());
}

// bb8, broken connections do not starve the pool: every connection comes back broken while callers wait, and
// each of them is served by a new one in its place.
TEST(ConformanceBb8, BrokenConnectionsDoNotStarveThePool) {
  World world({.max_open_conns = 5, .max_idle_conns = 5}, {.connect = {10ms}, .check = {}, .close = {5ms}});
  int served = 0;
  for (int i = 0; i < 40; ++i) {
    world.acquire(10s, [&](ConnectionId id) {
      ++served;
      world.after(1ms, [&world, id] { world.release(id, false); });
    });
  }
  world.run_for(40 / 5 * 16ms);
  EXPECT_EQ(served, 40);
  EXPECT_EQ(world.opens(), 40);
  EXPECT_EQ(world.sockets(), 0);
}

// bb8, 25,000 waiters through 3 connections: all are served, in the order in which they came, by those
// three.
TEST(ConformanceBb8, TwentyFiveThousandWaitersThroughThreeConnections) {
  constexpr int kWaiters = 25000;
  World world({.max_open_conns = 3, .max_idle_conns = 3, .max_waiters = kWaiters}, {.connect = {10ms}});
  std::vector<int> order;
  std::map<ConnectionId, int> uses;
  for (int i = 0; i < kWaiters; ++i) {
    world.acquire(1h, [&, i](ConnectionId id) {
      order.push_back(i);
      ++uses[id];
      world.after(1ms, [&world, id] { world.release(id); });
    });
  }
  EXPECT_EQ(world.statistics().waiting, kWaiters);
  world.run_for(30s);
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kWaiters));
  for (int i = 0; i < kWaiters; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(world.opens(), 3);
  EXPECT_EQ(uses.size(), 3u);
  EXPECT_EQ(world.statistics().idle, 3);
}

// deadpool, cancellation combinations: connects, checks and closes that succeed, fail, are slow or never end,
// in every combination, under clients that give up by deadline, to come again or for good, or while they hold
// one. The pool never grows past its size, all that ended is accounted for, and what can still work does.
struct Case {
  std::string name;
  Gates gates;
  bool connects = false;
  bool stuck = false;  // work that never ends keeps its token
};

std::vector<Case> combinations() {
  struct Way {
    const char* name;
    Gate gate;
  };
  const std::vector<Way> ways = {
      {"Ok", {}}, {"Fail", {0ms, false}}, {"Slow", {2ms, true}}, {"Never", {std::nullopt, true}}};
  std::vector<Case> cases;
  for (const auto& connect : ways) {
    for (const auto& check : ways) {
      for (const auto& close : ways) {
        Case made{.name = std::string("Connect") + connect.name + "Check" + check.name + "Close" + close.name,
                  .gates = {connect.gate, check.gate, close.gate}};
        made.connects = connect.gate.succeeds && connect.gate.takes;
        made.stuck = !connect.gate.takes || !check.gate.takes || !close.gate.takes;
        cases.push_back(made);
      }
    }
  }
  return cases;
}

class ConformanceDeadpool : public ::testing::TestWithParam<Case> {};

TEST_P(ConformanceDeadpool, CancellationCombinations) {
  World world(
      {.max_open_conns = 2, .max_idle_conns = 1, .surplus_idle_time = 0ms, .validate_after_idle = 0ms},
      GetParam().gates);
  bool over = false;
  int served = 0;
  int answers = 0;
  int asked = 0;
  std::function<void(int)> client = [&](int number) {
    if (over) return;
    ++asked;
    const auto rest = std::chrono::milliseconds(number % 3);
    world.acquire(
        std::chrono::milliseconds(1 + number),
        [&, number, rest](ConnectionId id) {
          ++served;
          ++answers;
          world.after(rest, [&world, id, number] { world.release(id, number % 4 != 3); });
          world.after(rest + 1ms, [&client, number] { client(number); });
        },
        [&, number](const AcquireError&) {
          ++answers;
          if (number % 2 == 0) return;
          world.after(1ms, [&client, number] { client(number); });
        });
  };
  for (int number = 0; number < 8; ++number) client(number);
  world.run_for(1s);
  EXPECT_LE(world.sockets(), 2);
  over = true;
  world.run_for(1s);
  EXPECT_EQ(answers, asked);
  EXPECT_EQ(world.statistics().waiting, 0);
  EXPECT_LE(world.statistics().open_high_water, 2);
  if (GetParam().connects) {
    EXPECT_GT(served, 0);
  } else {
    EXPECT_EQ(served, 0);
  }
  if (GetParam().stuck) return;
  EXPECT_GT(asked, 100);
  EXPECT_EQ(world.statistics().in_use, 0);
  EXPECT_LE(world.statistics().idle, 1);
  EXPECT_EQ(world.statistics().opening + world.statistics().closing, 0);

  world.open_the_gates({});
  world.run_for(10s);  // longer than any back-off
  int healed = 0;
  for (int i = 0; i < 2; ++i) world.acquire(1s, [&](ConnectionId) { ++healed; });
  world.run_for(1s);
  EXPECT_EQ(healed, 2);
}

INSTANTIATE_TEST_SUITE_P(Gates, ConformanceDeadpool, ::testing::ValuesIn(combinations()),
                         [](const auto& each) { return each.param.name; });

// vitess #20308, a returned connection is not handed to those whose time is over: after a storm of time-outs
// it goes straight to the one who still waits, and no round of dead hand-overs comes before.
TEST(ConformanceVitess, AReturnedConnectionSkipsAllExpiredWaiters) {
  Pool pool({.max_open_conns = 1});
  const auto held = pool.lease();
  std::vector<WaiterId> expired;
  expired.reserve(1000);
  for (int i = 0; i < 1000; ++i)
    expired.push_back(pool.acquire(kSystem, std::chrono::milliseconds(1 + i % 7)));
  const auto alive = pool.acquire();
  pool.now += 7ms;  // no tick: the timer may be as late as it likes under such a load
  const auto before = pool.hands.size();
  pool.release(held);
  EXPECT_EQ(pool.handed(alive), held);
  EXPECT_EQ(pool.hands.size(), before + 1);
  for (const auto waiter : expired) EXPECT_EQ(pool.failed(waiter), Reason::kDeadlineExceeded);
  EXPECT_EQ(pool.statistics().waiting, 0);
}

// vitess #20308, the same when only expired waiters are left: the connection becomes idle and serves the next
// caller at once.
TEST(ConformanceVitess, AfterAStormOfTimeoutsTheConnectionIsIdle) {
  Pool pool({.max_open_conns = 1});
  const auto held = pool.lease();
  for (int i = 0; i < 100; ++i) pool.acquire(kSystem, 1ms);
  pool.now += 1ms;
  pool.release(held);
  EXPECT_EQ(pool.statistics().idle, 1);
  EXPECT_EQ(pool.handed(pool.acquire()), held);
}

// Boost.MySQL #509, a cancelled waiter passes on what it was woken for: at every moment at which a connection
// can be on its way to the older of two waiters, its deadline leaves the connection to the younger.
TEST(ConformanceBoostMysql, AnExpiredWaiterDoesNotTakeItsWakeUpAlong) {
  enum class Moment { kQueued, kConnecting, kChecking, kEvicting };
  for (const auto moment : {Moment::kQueued, Moment::kConnecting, Moment::kChecking, Moment::kEvicting}) {
    SCOPED_TRACE(static_cast<int>(moment));
    Pool pool({.max_open_conns = 2,
               .max_idle_conns = 2,
               .max_conns_per_database = 1,
               .system_conns = 1,
               .validate_after_idle = 30s});
    std::optional<ConnectionId> connection;
    if (moment == Moment::kQueued || moment == Moment::kChecking) connection = pool.lease("a");
    if (moment == Moment::kEvicting) pool.release(pool.lease("b"));
    if (moment == Moment::kChecking) {
      pool.release(*connection);
      pool.advance(30s);
    }
    const auto older = pool.acquire("a", Eviction::kPatience + 1ms);
    const auto younger = pool.acquire("a");
    pool.advance(Eviction::kPatience);
    if (moment == Moment::kConnecting) {
      ASSERT_EQ(pool.opens.size(), 1u);
    } else if (moment == Moment::kChecking) {
      ASSERT_EQ(pool.validates, std::vector<ConnectionId>{*connection});
    } else if (moment == Moment::kEvicting) {
      ASSERT_EQ(pool.closes.size(), 1u);
    }
    EXPECT_TRUE(pool.fails.empty());
    pool.advance(1ms);
    EXPECT_EQ(pool.failed(older), Reason::kDeadlineExceeded);
    EXPECT_EQ(pool.handed(younger), 0u);
    if (moment == Moment::kQueued) {
      pool.release(*connection);
    } else if (moment == Moment::kChecking) {
      pool.core.validated(pool.now, *connection, true);
      pool.collect();
    } else {
      pool.close_all();
      pool.open_all();
    }
    EXPECT_EQ(pool.fails.size(), 1u);
    EXPECT_EQ(pool.handed(older), 0u);
    EXPECT_NE(pool.handed(younger), 0u);
  }
}

// psycopg_pool, a client that gave up while it waited is skipped: those before and behind it are served in
// their order.
TEST(ConformancePsycopg, DeadClient) {
  World world({.max_open_conns = 1}, {.connect = {10ms}});
  std::vector<int> served;
  std::vector<int> gave_up;
  const auto client = [&](int number, std::chrono::milliseconds patience) {
    world.acquire(
        patience,
        [&, number](ConnectionId id) {
          served.push_back(number);
          world.after(300ms, [&world, id] { world.release(id); });
        },
        [&, number](const AcquireError&) { gave_up.push_back(number); });
  };
  client(0, 2s);
  client(1, 2s);
  client(2, 400ms);  // would be served at 610 ms
  client(3, 2s);
  client(4, 2s);
  world.run_for(3s);
  EXPECT_EQ(served, (std::vector<int>{0, 1, 3, 4}));
  EXPECT_EQ(gave_up, std::vector<int>{2});
}

// psycopg_pool, queue size: one more than may wait is refused at once and changes nothing for those who wait;
// a place that comes free is taken again.
TEST(ConformancePsycopg, QueueSize) {
  Pool pool({.max_open_conns = 1, .max_waiters = 3});
  const auto held = pool.lease();
  const std::vector<WaiterId> queue = {pool.acquire(), pool.acquire(kSystem, 10ms), pool.acquire()};
  const auto refused = pool.acquire();
  EXPECT_EQ(pool.failed(refused), Reason::kTooManyWaiters);
  EXPECT_NE(pool.error(refused).detail.find('3'), std::string::npos);
  EXPECT_GE(pool.error(refused).retry_after, 1s);
  EXPECT_EQ(pool.statistics().waiting, 3);
  pool.advance(10ms);
  EXPECT_EQ(pool.failed(queue[1]), Reason::kDeadlineExceeded);
  EXPECT_EQ(pool.statistics().waiting, 2);
  const auto late = pool.acquire();
  EXPECT_FALSE(pool.failed(late));
  for (const auto waiter : {queue[0], queue[2], late}) {
    pool.release(held);
    EXPECT_EQ(pool.handed(waiter), held);
  }
  EXPECT_EQ(pool.handed(refused), 0u);
  EXPECT_EQ(pool.handed(queue[1]), 0u);
  EXPECT_EQ(pool.fails.size(), 2u);
}

// PgBouncer test_max_user_connections: the limit holds over all databases together, also while a connection
// of one goes and that of another comes in its place.
TEST(ConformancePgBouncer, MaxUserConnectionsOverSeveralDatabases) {
  Pool pool({.max_open_conns = 3, .max_idle_conns = 3, .max_conns_per_database = 3, .system_conns = 1});
  const auto first = pool.lease(kSystem);
  const auto second = pool.lease(kSystem);
  const auto third = pool.lease("a");
  const auto waiter = pool.acquire("b");
  const auto other = pool.acquire("c");
  pool.release(first, false);
  pool.release(second, false);
  EXPECT_TRUE(pool.opens.empty());  // the server still counts those
  pool.close_all();
  ASSERT_EQ(pool.opens.size(), 1u);  // one more is kept for the system database
  EXPECT_EQ(pool.opens[0].database, "b");
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
  pool.release(third);  // idle, and given up for "c" after a while
  pool.advance(Eviction::kPatience);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{third});
  EXPECT_TRUE(pool.opens.empty());
  pool.close_all();
  pool.open_all();
  EXPECT_NE(pool.handed(other), 0u);
  EXPECT_EQ(pool.statistics().open_high_water, 3);
}

}  // namespace
}  // namespace storagepool::engine
