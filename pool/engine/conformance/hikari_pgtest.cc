// What HikariCP promises to who operates it, and psycopg_pool of its drain: suspend and resume, eviction of
// all connections, other credentials; on a real server.
#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "pool/engine/conformance/testing/fixture.h"

namespace storagepool::engine {
namespace {

class ConformanceHikari : public ConformanceTest {
 protected:
  static void SetUpTestSuite() { start_server(); }
  ~ConformanceHikari() override { server_->superuser("ALTER ROLE app PASSWORD 'app-secret'"); }

  std::set<std::string> backends() const {
    const auto pids = server_->superuser("SELECT pid FROM pg_stat_activity WHERE usename = 'app'");
    return {pids.begin(), pids.end()};
  }
};

// testSuspendResume: while the pool is suspended callers wait and the server sees no session of it; after it
// they are served.
TEST_F(ConformanceHikari, SuspendResume) {
  make({.max_open_conns = 3});
  {
    Lease first = lease();
    Lease second = lease();
  }
  EXPECT_TRUE(run(context_, engine_->suspend(in(kPatience))));
  EXPECT_EQ(server_->app_backends(), 0);
  int served = 0;
  for (int i = 0; i < 3; ++i) start_acquire([&](Acquired& acquired) { served += acquired ? 1 : 0; });
  wait_until([&] { return engine_->statistics().waiting == 3; });
  const auto impatient = acquire(50ms);
  ASSERT_FALSE(impatient);
  EXPECT_EQ(impatient.error().reason, Reason::kDeadlineExceeded);
  EXPECT_EQ(served, 0);
  EXPECT_EQ(sockets(), 0);
  engine_->resume();
  wait_until([&] { return served == 3; });
}

// testSuspendResume, with a connection in use: it may finish its work, and the suspension is complete when it
// has come back and been closed.
TEST_F(ConformanceHikari, SuspendWaitsForWhatIsInUse) {
  make({.max_open_conns = 3});
  std::optional<bool> suspended;
  {
    Lease busy = lease();
    EXPECT_FALSE(run(context_, engine_->suspend(in(50ms))));
    boost::asio::co_spawn(
        context_,
        [](Engine& engine, std::optional<bool>& done) -> boost::asio::awaitable<void> {
          done = co_await engine.suspend(in(kPatience));
        }(*engine_, suspended),
        boost::asio::detached);
    EXPECT_EQ(value(busy, "SELECT 1"), "1");
    EXPECT_FALSE(suspended);
  }
  wait_until([&] { return suspended.has_value(); });
  EXPECT_EQ(suspended, true);
  EXPECT_EQ(server_->app_backends(), 0);
  engine_->resume();
  Lease again = lease();
  EXPECT_EQ(value(again, "SELECT 1"), "1");
}

// testEvictAllRefill (ours fills on demand): of idle and used connections none is handed out again, those in
// use finish, and everybody who asks meanwhile is served by new ones, never above the limit.
TEST_F(ConformanceHikari, EvictAllRefill) {
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 4");
  make({.max_open_conns = 4, .max_idle_conns = 4});
  auto leases = lease_several(4);
  const auto before = backends();
  ASSERT_EQ(before.size(), 4u);
  leases.pop_back();
  leases.pop_back();
  engine_->retire_connections();
  std::vector<std::string> served;
  for (int i = 0; i < 12; ++i) {
    start_statement("SELECT pg_backend_pid()", [&](const std::string& pid) { served.push_back(pid); });
  }
  wait_until([&] { return served.size() == 12; });
  EXPECT_TRUE(before.contains(backend(leases[0])));  // still at work
  leases.clear();
  wait_until([&] {
    const auto now = backends();
    return std::none_of(now.begin(), now.end(), [&](const auto& pid) { return before.contains(pid); });
  });
  for (const auto& pid : served) EXPECT_FALSE(before.contains(pid)) << pid;
  EXPECT_EQ(engine_->statistics().connect_failures, 0);
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1");
}

// TestCredentials: other credentials are used from the next connect on; with those before retired, no session
// of theirs is left, although they would be refused by now.
TEST_F(ConformanceHikari, CredentialRotation) {
  make({.max_open_conns = 3, .max_idle_conns = 3});
  Lease busy = lease();
  { Lease idle = lease(); }
  const auto before = backends();
  ASSERT_EQ(before.size(), 2u);
  server_->superuser("ALTER ROLE app PASSWORD 'rotated-secret'");
  options_->password = "rotated-secret";
  engine_->retire_connections();
  Lease fresh = lease();
  EXPECT_FALSE(before.contains(backend(fresh)));
  EXPECT_EQ(value(busy, "SELECT 1"), "1");
  { const Lease released = std::move(busy); }
  wait_until([&] { return backends() == std::set<std::string>{backend(fresh)}; });
  EXPECT_EQ(engine_->statistics().connect_failures, 0);
}

// TestCredentials, when the change is noticed late: refused callers are told at once, and as soon as the new
// ones are there the pool works, without a restart.
TEST_F(ConformanceHikari, CredentialRotationNoticedLate) {
  make({.max_open_conns = 2, .max_idle_conns = 2});
  Lease old = lease();
  server_->superuser("ALTER ROLE app PASSWORD 'rotated-secret'");
  std::optional<bool> served;
  start_acquire([&](Acquired& acquired) { served = acquired.has_value(); });
  wait_until([&] { return engine_->statistics().connect_failures > 0; });
  EXPECT_FALSE(served);  // a connection exists that may come back
  options_->password = "rotated-secret";
  engine_->retire_connections();
  wait_until([&] { return served.has_value(); });
  EXPECT_EQ(served, true);
  EXPECT_EQ(value(old, "SELECT 1"), "1");
}

}  // namespace
}  // namespace storagepool::engine
