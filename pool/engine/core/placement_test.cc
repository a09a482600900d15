// With how much hesitation tokens move between databases, by example.
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/core/connect_window.h"
#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using Reason = AcquireError::Reason;

using testing::Pool;

// One token for the databases "a" and "b".
const settings::Settings kOneToken{.max_open_conns = 2, .max_conns_per_database = 1, .system_conns = 1};

TEST(CorePlacement, E3AConnectionServesItsOwnDatabaseUntilAnOlderWaiterElsewhereLosesPatience) {
  Pool pool(kOneToken);
  const auto busy = pool.lease("a");
  pool.advance(1s);
  const auto elsewhere = pool.acquire("b");
  const auto first = pool.acquire("a");
  pool.advance(49ms);
  pool.release(busy);
  EXPECT_EQ(pool.handed(first), busy);
  const auto second = pool.acquire("a");
  pool.advance(1ms);
  pool.release(busy);
  EXPECT_EQ(pool.handed(second), 0u);
  pool.close_all();
  pool.open_all();
  EXPECT_NE(pool.handed(elsewhere), 0u);
  EXPECT_EQ(pool.statistics().evicted, 1);
}

TEST(CorePlacement, E3AYoungerWaiterElsewhereWaitsLonger) {
  Pool pool(kOneToken);
  const auto busy = pool.lease("a");
  const auto older = pool.acquire("a");
  pool.acquire("b");
  pool.advance(1s);
  pool.release(busy);
  EXPECT_EQ(pool.handed(older), busy);
}

// However long the others have waited, a database that has its turn at last serves its queue.
TEST(CorePlacement, E3UnderLoadDatabasesTakeTurns) {
  Pool pool(kOneToken);
  const auto busy = pool.lease("a");
  const auto elsewhere = pool.acquire("b");
  const auto second = pool.acquire("b");
  const auto third = pool.acquire("b");
  const auto again = pool.acquire("a");
  pool.advance(1s);
  pool.release(busy);
  pool.close_all();
  pool.open_all();
  const auto connection = pool.handed(elsewhere);
  ASSERT_NE(connection, 0u);
  pool.advance(49ms);
  pool.release(connection);
  EXPECT_EQ(pool.handed(second), connection);
  pool.release(connection);
  EXPECT_EQ(pool.handed(third), connection);
  const auto newcomer = pool.acquire("b");
  pool.advance(1ms);
  pool.release(connection);
  EXPECT_EQ(pool.handed(newcomer), 0u);
  pool.close_all();
  pool.open_all();
  EXPECT_NE(pool.handed(again), 0u);
}

TEST(CorePlacement, E3PatienceIsAnEighthOfAShortAcquireTimeout) {
  settings::Settings settings = kOneToken;
  settings.acquire_timeout = 80ms;
  Pool pool(settings);
  const auto busy = pool.lease("a");
  pool.advance(1s);
  pool.acquire("b");
  pool.acquire("a");
  pool.advance(10ms);
  pool.release(busy);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{busy});
}

TEST(CorePlacement, E5AConnectionThatHasJustBecomeIdleIsEvictedAfterAHesitation) {
  Pool pool(kOneToken);
  const auto idle = pool.lease("a");
  pool.release(idle);
  pool.acquire("b");
  EXPECT_TRUE(pool.closes.empty());
  EXPECT_EQ(pool.core.next_timer(), pool.now + 5ms);
  pool.advance(4ms);
  const auto used = pool.acquire("a");  // it was wanted after all
  EXPECT_EQ(pool.handed(used), idle);
  pool.release(idle);
  EXPECT_EQ(pool.core.next_timer(), pool.now + 5ms);
  pool.advance(5ms);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{idle});
}

TEST(CorePlacement, E5AWaiterWhoLostPatienceIsNotHeldUpByConnectionsThatAreIdleForMomentsOnly) {
  Pool pool(kOneToken);
  const auto busy = pool.lease("a");
  pool.acquire("b");
  pool.advance(50ms);
  pool.release(busy);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{busy});
}

TEST(CorePlacement, E5AWaiterWhoseDatabaseHasAConnectionFirstSeesWhetherThatIsEnough) {
  Pool pool({.max_open_conns = 3, .max_conns_per_database = 2, .system_conns = 1});
  const auto idle = pool.lease("b");
  const auto busy = pool.lease("a");
  pool.release(idle);
  pool.advance(1s);
  const auto served = pool.acquire("a");
  EXPECT_TRUE(pool.closes.empty());
  EXPECT_EQ(pool.core.next_timer(), pool.now + 5ms);
  pool.release(busy);
  EXPECT_EQ(pool.handed(served), busy);
  pool.acquire("a");
  pool.advance(5ms);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{idle});
}

// Of a connection asked for again and, `later`, one that was not, which is closed when the second has been
// idle for 10 ms.
std::string closed_of_again_and_once(std::chrono::milliseconds later) {
  Pool pool({.max_open_conns = 3, .max_conns_per_database = 1, .system_conns = 1});
  const auto again = pool.lease("a");
  const auto once = pool.lease("b");
  pool.release(again);
  EXPECT_EQ(pool.lease("a"), again);
  pool.release(again);
  pool.advance(later);
  pool.release(once);
  pool.advance(10ms);
  pool.acquire("c");
  EXPECT_EQ(pool.closes.size(), 1u);
  return pool.closes == std::vector<ConnectionId>{once}    ? "once"
         : pool.closes == std::vector<ConnectionId>{again} ? "again"
                                                           : "neither";
}

TEST(CorePlacement, E5AConnectionAskedForAgainOutlivesOlderUseOfThoseThatWereNot) {
  EXPECT_EQ(closed_of_again_and_once(70ms), "once");  // idle for 10 ms against 80: just not an eighth
}

TEST(CorePlacement, E5AConnectionAskedForAgainIsNotKeptForEver) {
  EXPECT_EQ(closed_of_again_and_once(71ms), "again");
}

TEST(CorePlacement, E5OnlyAsManyTokensMoveAtATimeAsTheServerTakes) {
  Pool pool({.max_open_conns = 11, .max_idle_conns = 11, .system_conns = 1});
  std::vector<ConnectionId> idle;
  for (int i = 0; i < 10; ++i) idle.push_back(pool.lease("idle" + std::to_string(i)));
  for (const auto id : idle) pool.release(id);
  pool.advance(1s);
  // Ten connects that took no time have shown that the server takes four at a time.
  for (int i = 0; i < 10; ++i) pool.acquire("wanted" + std::to_string(i));
  EXPECT_EQ(pool.closes.size(), 4u);
  // One after the other the rest follow, oldest waiter first.
  pool.close_all();
  ASSERT_FALSE(pool.opens.empty());
  EXPECT_EQ(pool.opens[0].database, "wanted0");
  while (!pool.opens.empty() || !pool.closes.empty()) {
    EXPECT_LE(pool.statistics().opening + pool.statistics().closing, 7);
    pool.close_all();
    pool.open_all();
  }
  EXPECT_EQ(pool.hands.size(), 20u);
}

TEST(ConnectWindow, GrowsWhileConnectsTakeNoLonger) {
  ConnectWindow window;
  EXPECT_TRUE(window.admits(1));
  EXPECT_FALSE(window.admits(2));
  for (int i = 0; i < 1000; ++i) window.succeeded(60ms, 100);
  EXPECT_TRUE(window.admits(99));
  EXPECT_FALSE(window.admits(100));  // but not beyond the number of connections
}

TEST(ConnectWindow, ShrinksWhenConnectsQueueAtTheServer) {
  ConnectWindow window;
  for (int i = 0; i < 1000; ++i) window.succeeded(4ms, 100);
  for (int i = 0; i < 1000; ++i) window.succeeded(i % 10 == 0 ? 4ms : 40ms, 100);
  EXPECT_TRUE(window.admits(1));
  EXPECT_FALSE(window.admits(4));
}

TEST(ConnectWindow, LearnsThatTheServerHasMovedAway) {
  ConnectWindow window;
  for (int i = 0; i < 100; ++i) window.succeeded(2ms, 20);
  for (int i = 0; i < 4000; ++i) window.succeeded(60ms, 20);
  EXPECT_TRUE(window.admits(19));
}

}  // namespace
}  // namespace storagepool::engine
