// Behind PgBouncer: a pooler that leaves a session its server connection is as good as the server, one that
// shares it is refused, whatever it is told to ignore.
#include "pool/postgres/connect.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/postgres/disposition.h"
#include "pool/postgres/pooler.h"
#include "pool/postgres/testing/pgbouncer.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::postgres {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::PgBouncer;
using testing::run;
using testing::Server;

class PoolerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<Server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  tl::expected<std::unique_ptr<Session>, Error> open(const ConnectOptions& options,
                                                     std::chrono::milliseconds time = 20s) {
    return run(context_, connect(context_.get_executor(), options, in(time)));
  }
  std::string value(Session& session, const std::string& sql) {
    auto result = run(context_, session.query(sql, {}, in(20s)));
    return result ? result->rows.at(0).at(0).value_or("NULL") : result.error().detail;
  }
  void expect_refusal(const PgBouncer& pooler) {
    for (int i = 0; i < 3; ++i) {
      auto session = open(pooler.connect_options());
      ASSERT_FALSE(session);
      EXPECT_THAT(session.error().detail, ::testing::HasSubstr("a pooler in between shares"));
      EXPECT_THAT(session.error().detail, ::testing::HasSubstr("docs/poolers.md"));
      EXPECT_EQ(disposition_of(session.error()).cause, Disposition::Cause::kPerson);
    }
  }

  static std::unique_ptr<Server> server_;
  boost::asio::io_context context_{1};
};
std::unique_ptr<Server> PoolerTest::server_;

TEST_F(PoolerTest, InSessionModeSessionsAreAsTheServers) {
  const PgBouncer pooler(*server_, "session");
  auto options = pooler.connect_options();
  options.application_name = "storagepool/behind";
  options.statement_timeout = 12s;
  for (int i = 0; i < 2; ++i) {  // the second time on the server connections of the first
    std::vector<std::unique_ptr<Session>> sessions;
    for (int k = 0; k < 3; ++k) {
      auto session = open(options);
      ASSERT_TRUE(session) << session.error().detail;
      sessions.push_back(std::move(*session));
    }
    for (auto& session : sessions) {
      EXPECT_EQ(value(*session, "SHOW TimeZone"), "UTC");
      EXPECT_EQ(value(*session, "SHOW statement_timeout"), "12s");
      EXPECT_EQ(value(*session, "SHOW tcp_user_timeout"), "30000");
      EXPECT_EQ(value(*session, "SHOW application_name"), "storagepool/behind");
      EXPECT_EQ(value(*session, "SELECT count(*) > 0 FROM pg_prepared_statements"), "t");
    }
    EXPECT_EQ(server_->app_backends(), 3);
    for (auto& session : sessions) EXPECT_TRUE(run(context_, session->close(in(20s))));
  }
}

TEST_F(PoolerTest, OneServerConnectionIsEnoughForOneSession) {
  const PgBouncer pooler(*server_, "session", {"default_pool_size = 1"});
  auto session = open(pooler.connect_options());
  ASSERT_TRUE(session) << session.error().detail;
  EXPECT_EQ(value(**session, "SELECT 1"), "1");

  const auto another = open(pooler.connect_options(), 300ms);
  ASSERT_FALSE(another);
  EXPECT_EQ(another.error().error_class, ErrorClass::kUnreachable);
  EXPECT_THAT(another.error().detail, ::testing::HasSubstr("may have no server connection left"));
  EXPECT_EQ(value(**session, "SELECT 1"), "1");
}

TEST_F(PoolerTest, AModeThatSharesSessionsIsRefused) {
  for (const char* mode : {"transaction", "statement"}) {
    expect_refusal(PgBouncer(*server_, mode));
    expect_refusal(PgBouncer(*server_, mode, {"ignore_startup_parameters = options, extra_float_digits"}));
  }
}

TEST_F(PoolerTest, ASessionThatIsNotResetForTheNextIsRefused) {
  expect_refusal(PgBouncer(*server_, "session", {"server_reset_query ="}));
}

TEST_F(PoolerTest, WhenSharingIsFoundSessionsThatPassedAreGivenUp) {
  const PgBouncer pooler(*server_, "transaction");
  const auto options = pooler.connect_options();
  pooler_of(options)->keeps = true;
  auto passed = open(options);
  ASSERT_TRUE(passed) << passed.error().detail;
  EXPECT_TRUE((*passed)->alive());
  EXPECT_FALSE(open(options));
  EXPECT_FALSE((*passed)->alive());
  EXPECT_FALSE(run(context_, (*passed)->execute("SELECT 1", in(20s))));
}

TEST_F(PoolerTest, AServerThatTakesNoWritesIsToldThroughAPooler) {
  const auto standby = Server::standby_of(*server_);
  const PgBouncer pooler(*standby, "session", {"server_lifetime = 0"});
  auto session = open(pooler.connect_options());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().error_class, ErrorClass::kReadOnly) << session.error().detail;
  standby->promote();
  session = open(pooler.connect_options());
  ASSERT_TRUE(session) << session.error().detail;
}

}  // namespace
}  // namespace storagepool::postgres
