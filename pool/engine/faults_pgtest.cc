// The engine when something goes wrong: a server that is away, silent or slow to let go, sessions that die,
// queries that are given up, credentials that must not be repeated.
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "pool/engine/driver.h"
#include "pool/engine/testing/engine_fixture.h"
#include "pool/postgres/testing/relay.h"

namespace storagepool::engine {
namespace {

namespace asio = boost::asio;
using postgres::testing::Relay;

class EngineFaultsTest : public EngineTest {
 protected:
  std::string activity(const std::string& column, const std::string& pid) {
    const auto rows = server_->superuser("SELECT " + column + " FROM pg_stat_activity WHERE pid = " + pid);
    return rows.empty() ? "gone" : rows.at(0);
  }
  int backends_of(const std::string& application) {
    return std::stoi(server_
                         ->superuser("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" +
                                     application + "'")
                         .at(0));
  }
};

TEST_F(EngineFaultsTest, AConnectOutlivesItsWaiter) {
  int connected = 0;
  make({}, {.on_connected = [&] { ++connected; }, .on_connect_failed = {}, .on_connection_lost = {}});
  server_->pause();
  const auto impatient = acquire(30ms);
  EXPECT_FALSE(impatient);
  EXPECT_EQ(engine_->statistics().opening, 1);
  server_->resume();
  wait_until([&] { return engine_->statistics().idle == 1; });
  Lease next = lease();
  EXPECT_EQ(connected, 1);
}

TEST_F(EngineFaultsTest, E6ADeadServerCostsFewConnects) {
  int failed = 0;
  make({.max_open_conns = 20},
       {.on_connected = {},
        .on_connect_failed = [&](std::string_view, const postgres::Error&) { ++failed; },
        .on_connection_lost = {}});
  server_->stop();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    start_acquire(1000ms, [&](bool served) { answered += served ? 0 : 1; });
  }
  wait_until([&] { return answered == 100; });
  // The first connects are made for as many waiters as may have one; then one at a time, after 10 to 15 ms
  // each until half a second has passed, later after a fiftieth of the outage or more.
  EXPECT_GE(failed, 21);
  EXPECT_LE(failed, 20 + 100);
  server_->start();
  EXPECT_TRUE(acquire());
}

TEST_F(EngineFaultsTest, ATokenCountsUntilTheServerHasLetGo) {
  make({.max_open_conns = 1});
  pid_t pid = 0;
  {
    Lease cut = lease();
    pid = std::stoi(backend(cut));
    ASSERT_FALSE(run(context_, cut->execute("SELECT pg_sleep(60)", in(20ms))));
    ASSERT_EQ(kill(pid, SIGSTOP), 0);
  }
  bool served = false;
  start_acquire(20s, [&](bool got) { served = got; });
  wait_until([&] { return engine_->statistics().waiting == 1; });
  EXPECT_EQ(engine_->statistics().closing, 1);
  EXPECT_EQ(engine_->statistics().opening, 0);
  EXPECT_EQ(server_->app_backends(), 1);
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  wait_until([&] { return served; });
  EXPECT_EQ(activity("pid", std::to_string(pid)), "gone");
  EXPECT_EQ(engine_->statistics().open_high_water, 1);
}

TEST_F(EngineFaultsTest, OnlyALongSilenceIsAskedAbout) {
  make({.max_open_conns = 1, .validate_after_idle = 1h});
  std::string pid;
  {
    Lease used = lease();
    pid = backend(used);
  }
  const std::string last = activity("query_start", pid);
  { Lease again = lease(); }
  outwait_trust();
  { Lease later = lease(); }
  EXPECT_EQ(activity("query_start", pid), last);
  auto settings = engine_->in_force();
  settings.validate_after_idle = 1ms;
  engine_->reconfigure(settings);
  wait_until([wake = in(2ms)] { return std::chrono::steady_clock::now() > wake; });
  { Lease checked = lease(); }
  EXPECT_NE(activity("query_start", pid), last);
}

TEST_F(EngineFaultsTest, DeadIdleConnectionsAreNoticedWithoutAnAcquire) {
  make({});
  {
    const Lease a = lease();
    const Lease b = lease();
    const Lease c = lease("audit_ws_a");
  }
  EXPECT_EQ(engine_->statistics().open, 3);
  server_->terminate("usename = 'app'");
  wait_until([&] { return engine_->statistics().open == 0 && engine_->statistics().closing == 0; });
  EXPECT_EQ(engine_->statistics().open_high_water, 3);
}

TEST_F(EngineFaultsTest, E7ALeaseLeftInAFailedTransactionIsRolledBack) {
  make({.max_open_conns = 1});
  std::string pid;
  {
    Lease dirty = lease();
    pid = backend(dirty);
    EXPECT_FALSE(run(context_, dirty->execute("BEGIN; SELECT 1/0", in(20s))));
    EXPECT_TRUE(dirty->in_transaction());
  }
  Lease clean = lease();
  EXPECT_EQ(backend(clean), pid);
  EXPECT_FALSE(clean->in_transaction());
}

TEST_F(EngineFaultsTest, E7AFailedRollbackClosesTheConnection) {
  int lost = 0;
  make({.max_open_conns = 1},
       {.on_connected = {}, .on_connect_failed = {}, .on_connection_lost = [&] { ++lost; }});
  std::string pid;
  {
    Lease dirty = lease();
    pid = backend(dirty);
    value(dirty, "BEGIN; SELECT 1");
    server_->terminate("pid = " + pid);
  }
  Lease next = lease();
  EXPECT_NE(backend(next), pid);
  wait_until([&] { return lost == 1; });
}

TEST_F(EngineFaultsTest, E7AQueryGivenUpIsEndedOnTheServerAndItsConnectionNeverReused) {
  make({.max_open_conns = 2});
  std::string pid;
  {
    Lease cut = lease();
    pid = backend(cut);
    ASSERT_FALSE(run(context_, cut->query("SELECT pg_sleep(60)", {}, in(20ms))));
    EXPECT_FALSE(cut->usable());
  }
  for (int i = 0; i < 3; ++i) {
    Lease other = lease();
    EXPECT_NE(backend(other), pid);
  }
  wait_until([&] { return activity("pid", pid) == "gone"; });
}

// The end of its loop destroys a coroutine in the middle of a statement.
TEST_F(EngineFaultsTest, E7AQueryWhoseCoroutineIsDestroyedEndsOnTheServer) {
  {
    asio::io_context context(1);
    Engine engine(context.get_executor(), [this] { return options_; }, "audit", {}, {});
    asio::co_spawn(
        context,
        [](Engine& from) -> asio::awaitable<void> {
          auto lease = co_await from.acquire("audit", in(20s));
          if (lease) co_await (*lease)->execute("SELECT pg_sleep(60)", in(1h));
        }(engine),
        asio::detached);
    const auto give_up = in(20s);
    while (server_->superuser("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").at(0) ==
           "0") {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      context.run_one_until(in(5ms));
    }
  }
  wait_until([&] { return server_->app_backends() == 0; });
}

TEST_F(EngineFaultsTest, E9ADatabasesOwnFaultHoldsUpNoOther) {
  make({.max_open_conns = 4, .max_conns_per_database = 1});
  for (const char* fault :
       {"CONNECTION LIMIT 0", "ALLOW_CONNECTIONS false", "SET default_transaction_read_only = on"}) {
    server_->superuser(std::string("ALTER DATABASE audit_ws_a ") + fault);
    const auto refused = acquire(2s, "audit_ws_a");
    ASSERT_FALSE(refused) << fault;
    EXPECT_EQ(refused.error().reason, Reason::kConnectFailed) << fault;
    EXPECT_NE(refused.error().detail.find("audit_ws_a"), std::string::npos) << refused.error().detail;
    engine_->retire_connections();  // so that the other one needs a connect
    EXPECT_TRUE(acquire(20s, "audit")) << fault;
    server_->superuser("ALTER DATABASE audit_ws_a CONNECTION LIMIT -1 ALLOW_CONNECTIONS true");
    server_->superuser("ALTER DATABASE audit_ws_a RESET default_transaction_read_only");
  }
  wait_until([&] { return acquire(300ms, "audit_ws_a").has_value(); });
}

TEST_F(EngineFaultsTest, E9AFaultOfTheServerNamesNobodysDatabase) {
  make({});
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 0");
  EXPECT_FALSE(acquire(2s, "audit_ws_a"));
  const auto refused = acquire(2s, "audit");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail.find("audit"), std::string::npos) << refused.error().detail;
  EXPECT_NE(refused.error().detail.find("53300"), std::string::npos) << refused.error().detail;
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1");
}

// What lies in between, as a load balancer, has forgotten sessions and tells the pool alone.
TEST_F(EngineFaultsTest, E1SessionsResetOnTheWayEndAtTheServerBeforeOthersComeInTheirPlace) {
  Relay relay(server_->port(), Relay::Ends::kCarried);
  options_->port = relay.port();
  options_->application_name = "reset-on-the-way";
  constexpr int kLimit = 4;
  make({.max_open_conns = kLimit, .max_idle_conns = kLimit});
  const auto take_all = [&] {
    std::vector<Lease> leases;
    for (int i = 0; i < kLimit; ++i) {
      leases.push_back(lease());
      EXPECT_LE(backends_of("reset-on-the-way"), kLimit + 1) << "one asks after the others";
    }
    return leases;
  };
  take_all();
  ASSERT_EQ(backends_of("reset-on-the-way"), kLimit);
  relay.forget();
  outwait_trust();
  auto leases = take_all();
  EXPECT_EQ(backends_of("reset-on-the-way"), kLimit);
  relay.forget();
  for (Lease& held : leases) EXPECT_FALSE(run(context_, held->execute("SELECT 1", in(20s))));
  leases.clear();
  leases = take_all();
  EXPECT_EQ(backends_of("reset-on-the-way"), kLimit);
}

TEST_F(EngineFaultsTest, E1WhereSomeSessionsAreResetOnTheWayOneOfTheOthersAsksAfterThem) {
  Relay lasting(server_->port(), Relay::Ends::kCarried);
  Relay forgetful(server_->port(), Relay::Ends::kCarried);
  options_->application_name = "some-reset";
  make({.max_open_conns = 4, .max_idle_conns = 4});
  options_->port = lasting.port();
  std::vector<Lease> sound;
  for (int i = 0; i < 2; ++i) sound.push_back(lease());
  options_->port = forgetful.port();
  {
    const Lease third = lease();
    const Lease fourth = lease();
  }
  forgetful.forget();
  options_->port = lasting.port();
  wait_until([&] { return engine_->statistics().idle == 0; });
  EXPECT_EQ(engine_->statistics().closing, 2) << "their tokens are kept";
  EXPECT_EQ(backends_of("some-reset"), 4);
  sound.pop_back();
  wait_until([&] {
    lease();
    return engine_->statistics().closing == 0;
  });
  EXPECT_EQ(backends_of("some-reset"), 2);
}

TEST_F(EngineFaultsTest, E8NoErrorHoldsACredential) {
  std::vector<std::string> said;
  make({}, {.on_connected = {},
            .on_connect_failed =
                [&](std::string_view, const postgres::Error& error) {
                  said.push_back(error.detail + error.sqlstate + error.constraint);
                },
            .on_connection_lost = {}});
  const auto right = options_;
  for (const std::string password :
       {"p' \"=\\;host=elsewhere", "postgresql://app:confidential@localhost/audit", "%s%n%x",
        "\xC3\xB6\xFF"}) {
    for (const std::string user : {"app", "nobody' password='confidential"}) {
      options_->user = user;
      options_->password = password;
      std::string detail;
      wait_until([&] {
        const auto refused = acquire(1h);
        detail = refused ? "" : refused.error().detail;
        return !said.empty();
      });
      said.push_back(detail);
      for (const auto& text : said) {
        EXPECT_NE(text.find("28P01"), std::string::npos) << text;
        for (const std::string& secret : {password, std::string("confidential"), std::string("nobody")}) {
          EXPECT_EQ(text.find(secret), std::string::npos) << text;
        }
      }
      said.clear();
      engine_->retire_connections();
    }
  }
  server_->superuser("ALTER ROLE app PASSWORD 'p'' \"=\\;host=elsewhere'");
  options_ = right;
  options_->password = "p' \"=\\;host=elsewhere";
  wait_until([&] { return acquire(1h).has_value(); });
  server_->superuser("ALTER ROLE app PASSWORD 'app-secret'");
}

}  // namespace
}  // namespace storagepool::engine
