// The engine against a real server: one database, one thread. Load and changes under load:
// load_pgtest.cc; what servers do wrong: faults_pgtest.cc; what owners order:
// control_pgtest.cc.
#include "pool/engine/engine.h"

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pool/engine/testing/engine_fixture.h"

namespace storagepool::engine {
namespace {

TEST_F(EngineTest, ReusesTheMostRecentlyUsedConnection) {
  make({});
  std::string first;
  std::string second;
  {
    Lease a = lease();
    Lease b = lease();
    first = backend(a);
    second = backend(b);
    EXPECT_NE(first, second);
    EXPECT_EQ(engine_->statistics().in_use, 2);
    a = std::move(b);  // gives the first one back, then the second at the end of the scope
  }
  Lease again = lease();
  EXPECT_EQ(backend(again), second);
  EXPECT_EQ(engine_->statistics().in_use, 1);
  EXPECT_EQ(engine_->statistics().idle, 1);
  EXPECT_EQ(engine_->statistics().open, 2);
}

TEST_F(EngineTest, ALeaseLeftInATransactionIsRolledBack) {
  make({.max_open_conns = 1});
  std::string pid;
  {
    Lease dirty = lease();
    pid = backend(dirty);
    value(dirty, "CREATE TABLE left_over (n int); SELECT 1");
    value(dirty, "BEGIN; DROP TABLE left_over; SELECT 1");
  }
  Lease clean = lease();
  EXPECT_EQ(backend(clean), pid);
  EXPECT_FALSE(clean->in_transaction());
  EXPECT_EQ(value(clean, "SELECT count(*) FROM left_over"), "0");
  value(clean, "DROP TABLE left_over; SELECT 1");
}

TEST_F(EngineTest, AConnectionWithAnAbandonedQueryIsClosedNotReused) {
  make({.max_open_conns = 1});
  std::string pid;
  {
    Lease cut = lease();
    pid = backend(cut);
    ASSERT_FALSE(run(context_, cut->execute("SELECT pg_sleep(60)", in(50ms))));
  }
  Lease next = lease();
  EXPECT_NE(backend(next), pid);
  EXPECT_EQ(server_->superuser("SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid).at(0), "0");
}

TEST_F(EngineTest, AWaiterFailsAtItsDeadlineOrAtAcquireTimeout) {
  make({.max_open_conns = 1});
  Lease held = lease();
  auto late = acquire(50ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, Reason::kDeadlineExceeded);
  EXPECT_GE(late.error().retry_after, 1s);
  auto settings = engine_->in_force();
  settings.acquire_timeout = 50ms;
  engine_->reconfigure(settings);
  late = acquire(1h);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, Reason::kDeadlineExceeded);
  EXPECT_EQ(engine_->statistics().wait_count, 2);
  EXPECT_EQ(engine_->statistics().waiting, 0);
}

TEST_F(EngineTest, MaxWaitersRefusesAtOnce) {
  make({.max_open_conns = 1, .max_waiters = 0});
  {
    Lease held = lease();
    auto refused = acquire(1h);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::kTooManyWaiters);
  }
  EXPECT_TRUE(acquire());
}

TEST_F(EngineTest, WaitersAreServedInOrder) {
  make({.max_open_conns = 1});
  std::vector<int> order;
  {
    Lease held = lease();
    for (int i = 0; i < 5; ++i) {
      start_acquire(20s, [&order, i](bool served) {
        if (served) order.push_back(i);
      });
      wait_until([&] { return engine_->statistics().waiting == i + 1; });
    }
  }
  wait_until([&] { return order.size() == 5; });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(EngineTest, IdleTimeAndLifetimeCloseConnections) {
  make({.conn_max_lifetime = 0ms, .conn_max_idle_time = 30ms});
  { Lease used = lease(); }
  wait_until([&] { return engine_->statistics().max_idle_time_closed == 1; });
  wait_until([&] { return server_->app_backends() == 0; });

  auto settings = engine_->in_force();
  settings.conn_max_idle_time = 0ms;
  settings.conn_max_lifetime = 50ms;
  engine_->reconfigure(settings);
  { Lease used = lease(); }
  wait_until([&] { return engine_->statistics().max_lifetime_closed == 1; });
  wait_until([&] { return server_->app_backends() == 0; });
}

TEST_F(EngineTest, ALostIdleConnectionIsReplacedWithoutAnError) {
  int lost = 0;
  make({}, {.on_connected = {}, .on_connect_failed = {}, .on_connection_lost = [&] { ++lost; }});
  { Lease used = lease(); }
  server_->terminate("usename = 'app'");
  outwait_trust();
  {
    Lease next = lease();  // before the engine has looked around
    EXPECT_EQ(value(next, "SELECT 1"), "1");
  }
  wait_until([&] { return lost == 1; });
  server_->terminate("usename = 'app'");
  wait_until([&] { return lost == 2 && engine_->statistics().open == 0; });
}

TEST_F(EngineTest, ValidateAfterIdleAsksASilentConnection) {
  make({.connect_timeout = 2s, .validate_after_idle = 0ms});
  pid_t pid = 0;
  {
    Lease used = lease();
    pid = std::stoi(backend(used));
  }
  {
    Lease again = lease();
    EXPECT_EQ(std::stoi(backend(again)), pid);
  }
  auto settings = engine_->in_force();
  settings.connect_timeout = 100ms;  // bounds the check
  engine_->reconfigure(settings);
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  settings.connect_timeout = 5s;
  {
    start_acquire(20s);
    wait_until([&] { return engine_->statistics().in_use == 0 && engine_->statistics().open == 0; });
    engine_->reconfigure(settings);
    Lease next = lease();
    EXPECT_NE(std::stoi(backend(next)), pid);
  }
  ASSERT_EQ(kill(pid, SIGCONT), 0);
}

TEST_F(EngineTest, StatementAndLockTimeoutAndCacheSizeChangeLive) {
  make(
      {.max_open_conns = 1, .statement_cache_size = 10, .statement_timeout = 1111ms, .lock_timeout = 2222ms});
  {
    Lease a = lease();
    EXPECT_EQ(value(a, "SHOW statement_timeout"), "1111ms");
    EXPECT_EQ(value(a, "SHOW lock_timeout"), "2222ms");
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(run(context_, a->query("SELECT " + std::to_string(i), {}, in(20s))));
    }
    EXPECT_EQ(value(a, "SELECT count(*) FROM pg_prepared_statements"), "5");
  }
  auto settings = engine_->in_force();
  settings.statement_timeout = 3333ms;
  settings.lock_timeout = 0ms;
  settings.statement_cache_size = 2;
  engine_->reconfigure(settings);
  Lease b = lease();
  EXPECT_EQ(value(b, "SHOW statement_timeout"), "3333ms");
  EXPECT_EQ(value(b, "SHOW lock_timeout"), "0");
  EXPECT_EQ(value(b, "SELECT count(*) FROM pg_prepared_statements"), "2");
}

TEST_F(EngineTest, ConnectTimeoutBoundsAnAttempt) {
  int failed = 0;
  make({.connect_timeout = 1s},
       {.on_connected = {},
        .on_connect_failed = [&](std::string_view, const postgres::Error&) { ++failed; },
        .on_connection_lost = {}});
  server_->pause();
  auto none = acquire(50ms);
  wait_until([&] { return failed == 1; });
  server_->resume();
  EXPECT_FALSE(none);
  EXPECT_TRUE(acquire());
}

TEST_F(EngineTest, RejectedCredentialsFailAtOnceWithoutRepeatingThem) {
  make({});
  options_->password = "Wr0ng-and-confidential";
  auto refused = acquire(1h);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kConnectFailed);
  EXPECT_NE(refused.error().detail.find("28P01"), std::string::npos);
  EXPECT_EQ(refused.error().detail.find(options_->password), std::string::npos);
  options_ = tl::unexpected(
      postgres::Error{postgres::ErrorClass::kCredentialsMissing, "", "", "the Secret has no key `password`"});
  wait_until([&] { return acquire(1h).error().detail == "the Secret has no key `password`"; });
  options_ = server_->connect_options();  // rotated credentials are used by the next attempt
  wait_until([&] { return acquire(1h).has_value(); });
}

TEST_F(EngineTest, AMissingDatabaseDoesNotConcernTheOthers) {
  make({});
  auto refused = acquire(1h, "audit_ws_none");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kConnectFailed);
  EXPECT_NE(refused.error().detail.find("audit_ws_none"), std::string::npos);
  Lease system = lease();
  Lease workspace = lease("audit_ws_a");
  EXPECT_EQ(value(workspace, "SELECT current_database()"), "audit_ws_a");
}

TEST_F(EngineTest, AFullServerIsWaitedFor) {
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 2");
  make({.max_open_conns = 5});
  std::optional<Lease> first = lease();
  std::optional<Lease> second = lease();
  int served = 0;
  for (int i = 0; i < 8; ++i) {
    boost::asio::co_spawn(
        context_,
        [](Engine& engine, int& count) -> boost::asio::awaitable<void> {
          auto own = co_await engine.acquire("audit", in(20s));
          if (!own) co_return;
          auto result = co_await (*own)->execute("SELECT pg_backend_pid()", in(20s));
          if (result) ++count;
        }(*engine_, served),
        boost::asio::detached);
  }
  wait_until([&] { return engine_->statistics().connect_failures > 0; });
  EXPECT_EQ(served, 0);
  first.reset();
  second.reset();
  wait_until([&] { return served == 8; });
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1");
}

TEST_F(EngineTest, AKilledServerComesBackWithoutHelp) {
  make({});
  { Lease used = lease(); }
  server_->kill();
  outwait_trust();
  auto away = acquire(2s);
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().reason, Reason::kConnectFailed);
  server_->start();
  Lease back = lease();
  EXPECT_EQ(value(back, "SELECT 1"), "1");
}

TEST_F(EngineTest, AWaiterOutlastsARestart) {
  make({});
  { Lease used = lease(); }
  server_->stop();
  bool served = false;
  start_acquire(30s, [&](bool got) { served = got; });
  wait_until([&] { return engine_->statistics().connect_failures > 0; });
  server_->start();
  wait_until([&] { return served; });
}

TEST_F(EngineTest, DrainClosesEverythingAndRefusesNewcomers) {
  make({});
  {
    Lease a = lease();
    Lease b = lease();
  }
  EXPECT_TRUE(run(context_, engine_->drain(in(20s))));
  EXPECT_EQ(server_->app_backends(), 0);
  auto refused = acquire();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kDraining);
}

TEST_F(EngineTest, DrainWaitsForLeasesUntilItsDeadline) {
  make({});
  {
    Lease held = lease();
    EXPECT_FALSE(run(context_, engine_->drain(in(50ms))));
    EXPECT_EQ(value(held, "SELECT 1"), "1");
  }
  EXPECT_TRUE(run(context_, engine_->drain(in(20s))));
}

TEST_F(EngineTest, LeasesAndWaitersMayOutliveTheEngine) {
  make({.max_open_conns = 1});
  Lease held = lease();
  bool answered = false;
  start_acquire(1h, [&](bool got) { answered = !got; });
  wait_until([&] { return engine_->statistics().waiting == 1; });
  engine_.reset();
  wait_until([&] { return answered; });
  EXPECT_EQ(value(held, "SELECT 1"), "1");
}

TEST_F(EngineTest, TheContextMayEndFirst) {
  auto context = std::make_unique<boost::asio::io_context>(1);
  Engine engine(context->get_executor(), [this] { return options_; }, "audit", {.max_open_conns = 1}, {});
  auto held = run(*context, engine.acquire("audit", in(20s)));
  ASSERT_TRUE(held);
  bool answered = false;
  boost::asio::co_spawn(
      *context,
      [](Engine& from, bool& done) -> boost::asio::awaitable<void> {
        co_await from.acquire("audit", in(1h));
        done = true;
      }(engine, answered),
      boost::asio::detached);
  context->restart();
  context->poll();
  EXPECT_EQ(engine.statistics().waiting, 1);
  EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace storagepool::engine
