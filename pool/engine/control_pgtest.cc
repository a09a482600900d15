// What the owner of an engine orders while it is in use: a pause, other credentials, the end of a database.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/engine/testing/engine_fixture.h"

namespace storagepool::engine {
namespace {

namespace asio = boost::asio;
using Closing = tl::expected<ClosedDatabase, AcquireError>;

class EngineControlTest : public EngineTest {
 protected:
  static void SetUpTestSuite() {
    EngineTest::SetUpTestSuite();
    server_->superuser("CREATE ROLE next LOGIN PASSWORD 'next-secret' IN ROLE app");
  }
  ~EngineControlTest() override { stop_load(); }

  // Clients that use the engine without a pause until `stop_load`.
  void start_load(int clients, const std::string& database = "audit") {
    for (int i = 0; i < clients; ++i) {
      ++running_;
      asio::co_spawn(context_, client(database), asio::detached);
    }
  }
  void stop_load() {
    stop_ = true;
    wait_until([&] { return running_ == 0; });
  }
  void wait_for_more(int answers) {
    wait_until([&, before = served_] { return served_ >= before + answers; });
  }
  asio::awaitable<void> client(std::string database) {
    while (!stop_) {
      auto lease = co_await engine_->acquire(database, in(20s));
      if (!lease) {
        errors_.push_back(lease.error());
        co_await asio::post(asio::use_awaitable);
        continue;
      }
      const auto who = co_await (*lease)->query("SELECT current_user, pg_sleep(0.001)", {}, in(20s));
      if (who) {
        ++served_;
        last_user_ = who->rows.at(0).at(0).value_or("");
      } else {
        errors_.push_back({.detail = who.error().detail});
      }
    }
    --running_;
  }
  template <typename T>
  void start(asio::awaitable<T> work, std::optional<T>& result) {
    asio::co_spawn(context_, postgres::testing::keep(std::move(work), result), asio::detached);
  }
  int backends(const std::string& where) {
    return std::stoi(server_->superuser("SELECT count(*) FROM pg_stat_activity WHERE " + where).at(0));
  }

  bool stop_ = false;
  int running_ = 0;
  int served_ = 0;
  std::string last_user_;
  std::vector<AcquireError> errors_;
};

TEST_F(EngineControlTest, SuspendLeavesNoBackendAndWaitersAreServedAfterResume) {
  make({.max_open_conns = 3});
  std::optional<bool> suspended;
  {
    Lease held = lease();
    { Lease idle = lease(); }
    start(engine_->suspend(in(20s)), suspended);
    wait_until([&] { return engine_->statistics().open == 1 && engine_->statistics().closing == 0; });
    EXPECT_FALSE(suspended);
    EXPECT_EQ(value(held, "SELECT 1"), "1");
  }
  wait_until([&] { return suspended.has_value(); });
  EXPECT_EQ(suspended, true);
  EXPECT_EQ(server_->app_backends(), 0);

  bool served = false;
  start_acquire(20s, [&](bool got) { served = got; });
  wait_until([&] { return engine_->statistics().waiting == 1; });
  const auto refused = acquire(20ms);
  EXPECT_FALSE(refused);
  EXPECT_EQ(engine_->statistics().opening, 0);
  EXPECT_EQ(server_->app_backends(), 0);
  EXPECT_FALSE(served);
  engine_->resume();
  wait_until([&] { return served; });
}

TEST_F(EngineControlTest, SuspendTellsWhenALeaseIsNotGivenBackOrAResumeComesBetween) {
  make({.max_open_conns = 1});
  Lease held = lease();
  EXPECT_FALSE(run(context_, engine_->suspend(in(20ms))));
  std::optional<bool> suspended;
  start(engine_->suspend(in(1h)), suspended);
  wait_until([&] { return !acquire(1ms); });
  EXPECT_FALSE(suspended);
  engine_->resume();
  wait_until([&] { return suspended.has_value(); });
  EXPECT_EQ(suspended, false);
}

TEST_F(EngineControlTest, ARotatedPasswordCostsNoRequest) {
  make({.max_open_conns = 4});
  start_load(12);
  wait_for_more(50);
  const std::string began = server_->superuser("SELECT clock_timestamp()").at(0);
  server_->superuser("ALTER ROLE app PASSWORD 'rotated ''=\\'");
  options_->password = "rotated '=\\";
  engine_->retire_connections();
  wait_until([&] { return backends("usename = 'app' AND backend_start < '" + began + "'") == 0; });
  wait_for_more(50);
  stop_load();
  EXPECT_TRUE(errors_.empty()) << errors_.front().detail;
  EXPECT_GT(backends("usename = 'app'"), 0);
  server_->superuser("ALTER ROLE app PASSWORD 'app-secret'");
}

TEST_F(EngineControlTest, SessionsMoveToAnotherRoleWithoutAnError) {
  make({.max_open_conns = 4});
  start_load(12);
  wait_for_more(50);
  EXPECT_EQ(last_user_, "app");
  options_->user = "next";
  options_->password = "next-secret";
  engine_->retire_connections();
  wait_until([&] { return server_->app_backends() == 0; });
  wait_for_more(50);
  EXPECT_EQ(last_user_, "next");
  stop_load();
  EXPECT_TRUE(errors_.empty()) << errors_.front().detail;
  EXPECT_EQ(server_->app_backends(), 0);
}

TEST_F(EngineControlTest, SessionsTakeTheSynchronousCommitInForce) {
  server_->superuser("ALTER ROLE app SET synchronous_commit = 'off'");
  make({.max_open_conns = 1, .synchronous_commit = settings::SynchronousCommit::kRemoteWrite});
  const auto level = [&] {
    Lease used = lease();
    return value(used, "SHOW synchronous_commit");
  };
  EXPECT_EQ(level(), "remote_write");
  auto settings = engine_->in_force();
  settings.synchronous_commit = settings::SynchronousCommit::kLocal;
  engine_->reconfigure(settings);
  EXPECT_EQ(level(), "local");
  settings.synchronous_commit = settings::SynchronousCommit::kServer;
  engine_->reconfigure(settings);
  EXPECT_EQ(level(), "on") << "not what the role has";
  server_->superuser("ALTER ROLE app RESET synchronous_commit");
}

TEST_F(EngineControlTest, AClosedDatabaseCanBeDroppedUnderLoad) {
  server_->superuser("CREATE DATABASE audit_ws_gone OWNER app");
  make({.max_open_conns = 8, .max_conns_per_database = 3, .system_conns = 2});
  start_load(6, "audit_ws_gone");
  start_load(2);
  wait_for_more(50);
  {
    Closing closed = run(context_, engine_->close_database("audit_ws_gone", in(20s)));
    ASSERT_TRUE(closed) << closed.error().detail;
    EXPECT_EQ(backends("datname = 'audit_ws_gone'"), 0);
    server_->superuser("DROP DATABASE audit_ws_gone");
    const auto refused = acquire(1h, "audit_ws_gone");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::kDatabaseClosed);
    wait_for_more(20);  // the other database goes on
  }
  const auto gone = acquire(1h, "audit_ws_gone");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().reason, Reason::kConnectFailed);
  EXPECT_NE(gone.error().detail.find("3D000"), std::string::npos) << gone.error().detail;
  stop_load();
  for (const auto& error : errors_) {
    EXPECT_TRUE(error.reason == Reason::kDatabaseClosed || error.reason == Reason::kConnectFailed)
        << error.detail;
  }
  EXPECT_LE(server_->app_backends(), 8);
  EXPECT_EQ(engine_->statistics().in_use, 0);
}

TEST_F(EngineControlTest, ADatabaseInUseIsNotClosedAndOpensAgain) {
  make({});
  Lease held = lease("audit_ws_a");
  const Closing closed = run(context_, engine_->close_database("audit_ws_a", in(20ms)));
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().reason, Reason::kDeadlineExceeded);
  EXPECT_EQ(value(held, "SELECT 1"), "1");
  EXPECT_TRUE(acquire(20s, "audit_ws_a"));
}

TEST_F(EngineControlTest, ADatabaseStaysClosedUntilTheLastGuardIsGone) {
  make({});
  std::optional<Closing> first;
  std::optional<Closing> second;
  start(engine_->close_database("audit_ws_a", in(20s)), first);
  start(engine_->close_database("audit_ws_a", in(20s)), second);
  wait_until([&] { return first && second; });
  ASSERT_TRUE(*first && *second);
  first.reset();
  EXPECT_EQ(acquire(20s, "audit_ws_a").error().reason, Reason::kDatabaseClosed);
  second.reset();
  EXPECT_TRUE(acquire(20s, "audit_ws_a"));
}

// --- trials (E11)
class EngineTrialTest : public EngineControlTest {
 protected:
  using Tried = tl::expected<void, postgres::Error>;
  static asio::awaitable<Tried> look(postgres::Connection& session) {
    const auto answer = co_await session.execute("SELECT 1", in(20s));
    if (!answer) co_return tl::unexpected(answer.error());
    co_return Tried{};
  }
  Tried attempt(const postgres::ConnectOptions& options) {
    std::optional<Tried> tried;
    start(engine_->try_connect(options, look, in(20s)), tried);
    wait_until([&] {
      most_ = std::max(most_, backends("usename IN ('app', 'next')"));
      return tried.has_value();
    });
    return *tried;
  }
  int most_ = 0;
};

TEST_F(EngineTrialTest, AWrongPasswordIsToldAndCostsNobodyASession) {
  make({.max_open_conns = 2});
  start_load(6);
  wait_for_more(50);
  postgres::ConnectOptions wrong = *options_;
  wrong.password = "typing error";
  for (int i = 0; i < 5; ++i) {
    const Tried tried = attempt(wrong);
    ASSERT_FALSE(tried);
    EXPECT_EQ(tried.error().error_class, postgres::ErrorClass::kCredentialsRejected) << tried.error().detail;
  }
  wait_for_more(50);
  stop_load();
  EXPECT_TRUE(errors_.empty()) << errors_.front().detail;
  EXPECT_LE(most_, 2) << "E1";
  EXPECT_LE(engine_->statistics().open_high_water, 2);
}

TEST_F(EngineTrialTest, AnotherRoleIsAdmittedWithinTheLimitAndLeavesNothingBehind) {
  make({.max_open_conns = 1});
  start_load(4);
  wait_for_more(50);
  postgres::ConnectOptions other = *options_;
  other.user = "next";
  other.password = "next-secret";
  EXPECT_TRUE(attempt(other));
  EXPECT_EQ(backends("usename = 'next'"), 0);
  wait_for_more(50);
  EXPECT_EQ(last_user_, "app");
  stop_load();
  EXPECT_TRUE(errors_.empty()) << errors_.front().detail;
  EXPECT_LE(most_, 1) << "E1";
}

TEST_F(EngineTrialTest, WithoutATokenInTimeItIsGivenUp) {
  make({.max_open_conns = 1});
  Lease held = lease();
  const auto tried = run(context_, engine_->try_connect(*options_, look, in(20ms)));
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().error_class, postgres::ErrorClass::kTimeout);
  EXPECT_EQ(value(held, "SELECT 1"), "1");
}

TEST_F(EngineTrialTest, AHostThatDoesNotExistIsNamed) {
  make({.max_open_conns = 2});
  postgres::ConnectOptions wrong = *options_;
  wrong.host = "postgres-typo.invalid";
  const Tried tried = attempt(wrong);
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().error_class, postgres::ErrorClass::kUnreachable);
  EXPECT_NE(tried.error().detail.find("postgres-typo.invalid"), std::string::npos) << tried.error().detail;
}

}  // namespace
}  // namespace storagepool::engine
