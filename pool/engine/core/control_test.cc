// What the owner of a pool orders: suspend and resume, retire, a database's end, and drain beside them.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/core/testing/pool_harness.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::Test;
using Reason = AcquireError::Reason;

using testing::kSystem;
using testing::Pool;

// One connection in each state: opening, idle, validating, in use.
class CoreControl : public Test {
 protected:
  CoreControl() {
    idle = pool.lease();
    busy = pool.lease();
    validating = pool.lease("a");
    pool.release(validating);
    pool.advance(30s);
    pool.acquire("a");
    pool.acquire("b");
    opening = pool.opens.at(0).connection;
    pool.release(idle);
    EXPECT_EQ(pool.validates, std::vector<ConnectionId>{validating});
    EXPECT_TRUE(pool.closes.empty());
  }
  // Everything that was under way ends well.
  void settle() {
    pool.release(busy);
    pool.core.validated(pool.now, validating, true);
    pool.core.opened(pool.now, opening);
    pool.opens.erase(pool.opens.begin());
    pool.collect();
  }
  bool closed(ConnectionId id) const { return std::count(pool.closes.begin(), pool.closes.end(), id) == 1; }

  Pool pool{{.max_open_conns = 20, .max_idle_conns = 20, .validate_after_idle = 30s}};
  ConnectionId idle = 0;
  ConnectionId busy = 0;
  ConnectionId validating = 0;
  ConnectionId opening = 0;
};

TEST_F(CoreControl, SuspendClosesIdleAtOnceAndTheOthersWhenNobodyHoldsThem) {
  const auto handed = pool.hands.size();
  pool.core.suspend(pool.now);
  pool.collect();
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{idle});
  pool.acquire();
  settle();
  EXPECT_EQ(pool.closes.size(), 4u);
  pool.close_all();
  EXPECT_EQ(pool.statistics().open + pool.statistics().opening + pool.statistics().closing, 0);
  EXPECT_EQ(pool.hands.size(), handed);
  EXPECT_TRUE(pool.opens.empty());
  EXPECT_EQ(pool.statistics().waiting, 3);  // those of "a" and "b", and the new one
  EXPECT_FALSE(pool.core.drained());
}

TEST_F(CoreControl, ResumeServesWhoeverWaited) {
  pool.core.suspend(pool.now);
  const auto waiter = pool.acquire();
  settle();
  pool.close_all();
  pool.core.resume(pool.now);
  pool.collect();
  EXPECT_EQ(pool.opens.size(), 3u);
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
  EXPECT_EQ(pool.statistics().waiting, 0);
}

TEST(CoreSuspend, AConnectThatEndsAfterTheResumeIsUsed) {
  Pool pool({});
  const auto waiter = pool.acquire();
  pool.core.suspend(pool.now);
  pool.core.resume(pool.now);
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
  EXPECT_TRUE(pool.closes.empty());
}

TEST(CoreSuspend, ADeadlineThatPassesSaysSo) {
  Pool pool({});
  pool.core.suspend(pool.now);
  const auto waiter = pool.acquire(kSystem, 2s);
  EXPECT_EQ(pool.core.next_timer(), pool.now + 2s);
  pool.advance(2s);
  EXPECT_EQ(pool.failed(waiter), Reason::kDeadlineExceeded);
  EXPECT_NE(pool.error(waiter).detail.find("suspended"), std::string::npos) << pool.error(waiter).detail;
  EXPECT_EQ(pool.statistics().wait_count, 1);
}

TEST(CoreSuspend, MaxWaitersBoundsTheQueueMeanwhile) {
  Pool pool({.max_waiters = 2});
  pool.core.suspend(pool.now);
  pool.acquire();
  pool.acquire("a");
  EXPECT_EQ(pool.failed(pool.acquire("b")), Reason::kTooManyWaiters);
}

TEST(CoreSuspend, ADrainMeanwhileEndsEveryWaitAtItsDeadline) {
  Pool pool({.max_open_conns = 1});
  const auto busy = pool.lease();
  pool.core.suspend(pool.now);
  const auto waiter = pool.acquire();
  pool.core.drain(pool.now, pool.now + 5s);
  pool.release(busy);
  pool.close_all();
  EXPECT_EQ(pool.failed(pool.acquire()), Reason::kDraining);
  EXPECT_FALSE(pool.failed(waiter));
  pool.advance(5s);
  EXPECT_EQ(pool.failed(waiter), Reason::kDraining);
  EXPECT_TRUE(pool.core.drained());
}

TEST_F(CoreControl, RetireClosesWhatWasMadeOrBegunBefore) {
  pool.core.retire(pool.now);
  pool.collect();
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{idle});
  const auto handed = pool.hands.size();
  settle();
  EXPECT_TRUE(closed(busy) && closed(validating) && closed(opening));
  EXPECT_EQ(pool.hands.size(), handed);
  // The waiters of the check and of the connect get connections of the new kind, which are kept.
  pool.close_all();
  pool.open_all();
  EXPECT_EQ(pool.hands.size(), handed + 2);
  pool.release(pool.hands.back().connection);
  EXPECT_TRUE(pool.closes.empty());
  EXPECT_EQ(pool.statistics().idle, 1);
}

TEST(CoreRetire, AConnectWithTheOldCredentialsThatFailsTellsNothingOfTheNew) {
  Pool pool({});
  const auto waiter = pool.acquire();
  pool.core.retire(pool.now);
  pool.fail_open({.lasting = true, .detail = "refused the credentials"});
  EXPECT_FALSE(pool.failed(waiter));
  pool.advance(200ms);
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
}

TEST(CoreRetire, CountsWhatTheServerHasNotLetGoOf) {
  Pool pool({});
  const auto held = pool.acquire();
  pool.open_all();
  EXPECT_EQ(pool.core.retired(), 0);
  pool.core.retire(pool.now);
  EXPECT_EQ(pool.core.retired(), 1);
  pool.release(pool.handed(held), true);
  EXPECT_EQ(pool.core.retired(), 1);  // closing
  pool.close_all();
  EXPECT_EQ(pool.core.retired(), 0);
}

TEST(CoreRetire, EndsTheBackOffOfAFaultThatAPersonHadToMend) {
  Pool pool({});
  const auto refused = pool.acquire();
  pool.fail_open({.lasting = true, .detail = "refused the credentials"});
  EXPECT_EQ(pool.failed(refused), Reason::kConnectFailed);
  EXPECT_EQ(pool.failed(pool.acquire()), Reason::kConnectFailed);
  pool.core.retire(pool.now);
  const auto waiter = pool.acquire();
  EXPECT_FALSE(pool.failed(waiter));
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);

  pool.release(pool.handed(waiter), false);
  pool.close_all();
  const auto patient = pool.acquire();
  pool.fail_open({.detail = "the server is away"});
  pool.core.retire(pool.now);
  pool.collect();
  EXPECT_TRUE(pool.opens.empty());
  EXPECT_FALSE(pool.failed(patient));
}

TEST(CoreCloseDatabase, FailsItsWaitersAndNewcomersUntilReopened) {
  Pool pool({.max_open_conns = 10, .max_conns_per_database = 1, .system_conns = 1});
  pool.lease("a");
  const auto waiter = pool.acquire("a");
  const auto other = pool.lease("b");
  pool.core.close_database(pool.now, "a");
  pool.collect();
  EXPECT_EQ(pool.failed(waiter), Reason::kDatabaseClosed);
  const auto newcomer = pool.acquire("a");
  EXPECT_EQ(pool.failed(newcomer), Reason::kDatabaseClosed);
  EXPECT_NE(pool.error(newcomer).detail.find("database a"), std::string::npos);
  pool.release(other);
  EXPECT_EQ(pool.handed(pool.acquire("b")), other);
  pool.core.reopen_database(pool.now, "a");
  EXPECT_FALSE(pool.failed(pool.acquire("a")));
}

TEST_F(CoreControl, CloseDatabaseClosesItsConnectionsAndNoOthers) {
  pool.core.close_database(pool.now, "a");
  pool.core.close_database(pool.now, "b");
  pool.collect();
  EXPECT_TRUE(pool.closes.empty());
  EXPECT_TRUE(pool.core.has_connections("a") && pool.core.has_connections("b"));
  settle();
  EXPECT_EQ(pool.closes, (std::vector<ConnectionId>{validating, opening}));
  EXPECT_TRUE(pool.core.has_connections("a"));  // until the server has let go
  pool.close_all();
  EXPECT_FALSE(pool.core.has_connections("a") || pool.core.has_connections("b"));
  EXPECT_TRUE(pool.core.has_connections(kSystem));
  pool.core.close_database(pool.now, kSystem);
  pool.collect();
  EXPECT_EQ(pool.closes.size(), 2u);  // idle ones at once
}

TEST_F(CoreControl, TellsHowEachDatabaseFares) {
  pool.acquire("b");
  auto databases = pool.core.database_statistics();
  std::sort(databases.begin(), databases.end(), [](auto& a, auto& b) { return a.name < b.name; });
  const std::vector<DatabaseStatistics> expected = {
      {.name = "a", .max_open = 3, .open = 1, .in_use = 1, .idle = 0, .waiting = 1},
      {.name = "b", .max_open = 3, .open = 0, .in_use = 0, .idle = 0, .waiting = 2},
      {.name = kSystem, .max_open = 20, .open = 2, .in_use = 1, .idle = 1, .waiting = 0}};
  EXPECT_EQ(databases, expected);
  std::int64_t in_use = 0;
  for (const DatabaseStatistics& database : databases) in_use += database.in_use;
  EXPECT_EQ(in_use, pool.statistics().in_use);

  pool.core.close_database(pool.now, "b");
  pool.open_all();
  pool.close_all();
  for (const DatabaseStatistics& database : pool.core.database_statistics()) EXPECT_NE(database.name, "b");
}

TEST(CoreCloseDatabase, ItsTokensServeOthers) {
  Pool pool({.max_open_conns = 2, .max_conns_per_database = 1, .system_conns = 1});
  pool.lease("a");
  const auto waiter = pool.acquire("b");
  pool.core.close_database(pool.now, "a");
  pool.release(pool.hands.at(0).connection);
  pool.close_all();
  pool.open_all();
  EXPECT_NE(pool.handed(waiter), 0u);
}

TEST(CoreCloseDatabase, IsOpenAgainOnceEveryCloserHasReopenedIt) {
  Pool pool({});
  pool.core.close_database(pool.now, "a");
  pool.core.close_database(pool.now, "a");
  pool.core.reopen_database(pool.now, "a");
  EXPECT_EQ(pool.failed(pool.acquire("a")), Reason::kDatabaseClosed);
  pool.core.reopen_database(pool.now, "a");
  EXPECT_FALSE(pool.failed(pool.acquire("a")));
  pool.core.reopen_database(pool.now, "a");  // one too many changes nothing
  pool.core.close_database(pool.now, "a");
  EXPECT_EQ(pool.failed(pool.acquire("a")), Reason::kDatabaseClosed);
}

TEST(CoreTrial, TakesAFreeTokenAtOnceAndCountsInTheLimit) {
  Pool pool{{.max_open_conns = 2, .max_idle_conns = 2}};
  pool.core.want_trial(pool.now);
  EXPECT_TRUE(pool.core.trial_has_token());
  EXPECT_EQ(pool.core.sockets(), 1u);
  EXPECT_EQ(pool.core.statistics().opening, 1);
  EXPECT_EQ(pool.core.retired(), 1) << "it may lead elsewhere";
  pool.lease();
  pool.acquire("a");
  EXPECT_TRUE(pool.opens.empty()) << "no third socket (E1)";
  pool.core.end_trial(pool.now);
  pool.collect();
  EXPECT_EQ(pool.opens.size(), 1u);
}

TEST(CoreTrial, WhereAllTokensAreTakenAnIdleConnectionMakesRoom) {
  Pool pool{{.max_open_conns = 2, .max_idle_conns = 2}};
  pool.lease();
  const ConnectionId idle = pool.lease();
  pool.release(idle);
  pool.core.want_trial(pool.now);
  pool.collect();
  EXPECT_FALSE(pool.core.trial_has_token());
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{idle});
  pool.core.closed(pool.now, idle);
  EXPECT_TRUE(pool.core.trial_has_token());
}

TEST(CoreTrial, OrTheNextThatIsGivenBackAlsoWhileOthersWait) {
  Pool pool{{.max_open_conns = 1, .max_idle_conns = 1}};
  const ConnectionId only = pool.lease();
  pool.acquire();
  pool.core.want_trial(pool.now);
  pool.release(only);
  EXPECT_EQ(pool.closes, std::vector<ConnectionId>{only});
  pool.core.closed(pool.now, only);
  pool.collect();
  EXPECT_TRUE(pool.core.trial_has_token());
  EXPECT_TRUE(pool.opens.empty());
  pool.core.end_trial(pool.now);
  pool.collect();
  EXPECT_EQ(pool.opens.size(), 1u) << "who waited goes on";
}

TEST(CoreTrial, AFaultOfTheServerInForceDoesNotHoldItBack) {
  Pool pool{{.max_open_conns = 2}};
  pool.acquire();
  pool.core.open_failed(pool.now, pool.opens.at(0).connection, {.lasting = true, .detail = "refused"});
  pool.core.want_trial(pool.now);
  EXPECT_TRUE(pool.core.trial_has_token());
}

TEST(CoreTrial, NoneBeginsWhileSuspendedOrDraining) {
  Pool pool{{.max_open_conns = 2}};
  pool.core.suspend(pool.now);
  pool.core.want_trial(pool.now);
  EXPECT_FALSE(pool.core.trial_has_token());
  pool.core.resume(pool.now);
  EXPECT_TRUE(pool.core.trial_has_token());
  pool.core.drain(pool.now, pool.now + 1s);
  EXPECT_FALSE(pool.core.drained()) << "it still has its socket";
  pool.core.end_trial(pool.now);
  EXPECT_TRUE(pool.core.drained());
  pool.core.want_trial(pool.now);
  EXPECT_FALSE(pool.core.trial_has_token());
}

TEST(CoreTrial, OneThatWaitsIsOverWhenADrainBegins) {
  Pool pool{{.max_open_conns = 1}};
  pool.core.suspend(pool.now);
  pool.core.want_trial(pool.now);
  pool.core.drain(pool.now, pool.now + 1s);
  pool.core.resume(pool.now);
  EXPECT_FALSE(pool.core.trial_has_token());
  EXPECT_TRUE(pool.core.drained());
}

}  // namespace
}  // namespace storagepool::engine
