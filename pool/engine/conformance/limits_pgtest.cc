// The limits that PgBouncer and PostgreSQL test, counted by the server: not one backend more than the pool
// may have, at any moment.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/engine/conformance/testing/fixture.h"

namespace storagepool::engine {
namespace {

class ConformanceLimits : public ConformanceTest {
 protected:
  static void SetUpTestSuite() {
    start_server();
    for (const char* name : kWorkspaces) {
      server_->superuser(std::string("CREATE DATABASE ") + name + " OWNER app");
    }
  }
  ~ConformanceLimits() override { server_->superuser("ALTER ROLE app CONNECTION LIMIT -1"); }

  static constexpr std::array<const char*, 3> kWorkspaces = {"audit_ws_a", "audit_ws_b", "audit_ws_c"};
};

// PgBouncer test_max_user_connections: nine clients of three databases, three connections for all of them
// together; the server sees exactly three backends at work, and never a fourth.
TEST_F(ConformanceLimits, ThreeDatabasesShareExactlyThreeBackends) {
  // The server itself refuses a fourth, so that none between two looks at it stays unnoticed either.
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 3");
  make({.max_open_conns = 4, .max_idle_conns = 4, .max_conns_per_database = 3, .system_conns = 1});
  std::vector<std::string> served;
  for (int i = 0; i < 3; ++i) {
    for (const char* name : kWorkspaces) {
      start_statement(
          "SELECT current_database() FROM pg_sleep(0.05)",
          [&](const std::string& database) { served.push_back(database); }, name);
    }
  }
  int most = 0;
  wait_until([&] {
    most = std::max(most, server_->app_backends());
    return served.size() == 9;
  });
  EXPECT_EQ(most, 3);
  EXPECT_EQ(engine_->statistics().connect_failures, 0);
  EXPECT_EQ(engine_->statistics().open_high_water, 3);
  for (const char* name : kWorkspaces) EXPECT_EQ(std::count(served.begin(), served.end(), name), 3) << name;
}

// PgBouncer test_cancel_race: a statement that is given up is never mistaken for that of the next client, and
// its backend is gone before the next one connects, although the role may have only one.
TEST_F(ConformanceLimits, AGivenUpStatementDoesNotHitTheNextClient) {
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 1");
  make({.max_open_conns = 1});
  for (int round = 0; round < 3; ++round) {
    std::string given_up = "unanswered";
    std::string next;
    start_statement(
        "SELECT 'a' FROM pg_sleep(60)", [&](const std::string& answer) { given_up = answer; }, "audit", 20ms);
    start_statement("SELECT 'b' FROM pg_sleep(0.01)", [&](const std::string& answer) { next = answer; });
    wait_until([&] { return given_up != "unanswered" && !next.empty(); });
    ASSERT_EQ(given_up, "");
    ASSERT_EQ(next, "b");
  }
  EXPECT_EQ(engine_->statistics().connect_failures, 0);
}

// PgBouncer test_cancel_race, in the small: churn of another kind under the same limit, where each client
// comes back in a transaction or with its backend dead.
TEST_F(ConformanceLimits, NoTokenReturnsBeforeItsBackendIsGone) {
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 2");
  make({.max_open_conns = 2, .max_idle_conns = 0, .surplus_idle_time = 0ms});
  int served = 0;
  for (int i = 0; i < 40; ++i) {
    start_statement(i % 2 == 0 ? "BEGIN; SELECT 1" : "SELECT 1",
                    [&](const std::string& answer) { served += answer == "1" ? 1 : 0; });
  }
  wait_until([&] { return served == 40; });
  EXPECT_EQ(engine_->statistics().connect_failures, 0);
  EXPECT_GT(engine_->statistics().max_idle_closed, 0);
}

// A load that overlaps now and then, with less idle connections allowed than it uses at its peaks.
TEST_F(ConformanceLimits, SurplusIdleTimeSparesABurstyLoadItsReconnects) {
  settings::Settings settings{.max_open_conns = 4, .max_idle_conns = 1, .surplus_idle_time = 10min};
  make(settings);
  std::set<std::string> backends;
  int answered = 0;
  for (int round = 1; round <= 10; ++round) {
    for (int i = 0; i < 4; ++i) {
      start_statement("SELECT pg_backend_pid()", [&](const std::string& answer) {
        backends.insert(answer);
        ++answered;
      });
    }
    wait_until([&] { return answered == 4 * round; });
  }
  EXPECT_LE(backends.size(), 4u);
  EXPECT_EQ(engine_->statistics().max_idle_closed, 0);
  settings.surplus_idle_time = 1ms;
  engine_->reconfigure(settings);
  wait_until([&] { return engine_->statistics().idle <= 1; });
}

// PostgreSQL's 002_connection_limits: all but three connections are reserved, and three are left for a
// regular role. (There 2 by reserved_connections, which PostgreSQL 15 does not have, and 1 for superusers;
// here all for superusers, which leaves a regular role the same. Ten, as each attempt that is refused holds
// one for a moment, and the test looks as a superuser.)
class ConformanceReserved : public ConformanceTest {
 protected:
  static void SetUpTestSuite() {
    start_server({"max_connections = 13", "superuser_reserved_connections = 10", "max_wal_senders = 0",
                  "autovacuum = off"});
  }
};

TEST_F(ConformanceReserved, ARegularRoleGetsTheThreeThatAreLeft) {
  make({.max_open_conns = 10, .max_idle_conns = 10});
  auto leases = lease_several(3);
  EXPECT_EQ(server_->app_backends(), 3);  // seen by a superuser, for whom there is room
  int served = 0;
  for (int i = 0; i < 5; ++i) start_acquire([&](Acquired& acquired) { served += acquired ? 1 : 0; });
  wait_until([&] { return engine_->statistics().connect_failures > 0; });
  EXPECT_EQ(served, 0);
  EXPECT_EQ(engine_->statistics().in_use, 3);
  const auto impatient = acquire(100ms);
  ASSERT_FALSE(impatient);
  EXPECT_EQ(impatient.error().reason, Reason::kDeadlineExceeded);
  leases.pop_back();  // what comes back serves them all; the server still refuses a fourth
  wait_until([&] { return served == 5; });
  EXPECT_EQ(server_->app_backends(), 3);
}

// The same with other regular sessions besides: what is left to this pool is less than three, and grows again
// when they go.
TEST_F(ConformanceReserved, WhatOthersHoldIsMissing) {
  make({.max_open_conns = 10, .max_idle_conns = 10});
  auto others = std::make_unique<Engine>(
      context_.get_executor(), [this] { return options_; }, "audit",
      settings::Settings{.max_open_conns = 3, .max_idle_conns = 3}, Listener{});
  std::vector<Lease> theirs;
  for (int i = 0; i < 3; ++i) {
    auto lease = run(context_, others->acquire("audit", in(kPatience)));
    ASSERT_TRUE(lease);
    theirs.push_back(std::move(*lease));
  }
  bool served = false;
  start_acquire([&](Acquired& acquired) { served = acquired.has_value(); });
  wait_until([&] { return engine_->statistics().connect_failures > 0; });
  const auto none = acquire(1ms);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, Reason::kConnectFailed);
  EXPECT_NE(none.error().detail.find("53300"), std::string::npos) << none.error().detail;
  theirs.clear();
  EXPECT_TRUE(run(context_, others->drain(in(kPatience))));
  wait_until([&] { return served; });
}

}  // namespace
}  // namespace storagepool::engine
