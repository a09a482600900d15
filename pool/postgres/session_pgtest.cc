// Which sessions are not kept, which are not even made, and what all have set.
#include "pool/postgres/connect.h"

#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "pool/postgres/disposition.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::postgres {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::run;
using testing::Server;

class SessionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<Server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  std::unique_ptr<Session> open() {
    auto session = run(context_, connect(context_.get_executor(), server_->connect_options(), in(20s)));
    if (!session) throw std::runtime_error(session.error().detail);
    return std::move(*session);
  }
  tl::expected<Result, Error> execute(Session& session, std::string_view sql) {
    return run(context_, session.execute(sql, in(20s)));
  }

  static std::unique_ptr<Server> server_;
  boost::asio::io_context context_{1};
};
std::unique_ptr<Server> SessionTest::server_;

TEST_F(SessionTest, AnErrorThatRetiresTheSessionLeavesItUnusable) {
  for (const char* sqlstate : {"25006", "26000", "42P05", "0A000", "57P01", "08006", "XX000", "XX001"}) {
    auto session = open();
    const std::string raise =
        "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '" + std::string(sqlstate) + "'; END $$";
    auto result = execute(*session, raise);
    ASSERT_FALSE(result) << sqlstate;
    EXPECT_EQ(result.error().sqlstate, sqlstate);
    EXPECT_FALSE(session->usable()) << sqlstate;
    EXPECT_FALSE(session->alive()) << sqlstate;
    EXPECT_FALSE(session->lost()) << sqlstate;
  }
  for (const char* sqlstate : {"42501", "54000", "58030", "22000", "40001"}) {
    auto session = open();
    const std::string raise =
        "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '" + std::string(sqlstate) + "'; END $$";
    ASSERT_FALSE(execute(*session, raise)) << sqlstate;
    EXPECT_TRUE(session->usable()) << sqlstate;
  }
}

TEST_F(SessionTest, NoSessionCommitsEarlierThanIsDurable) {
  const auto level = [&](Session& session) {
    return execute(session, "SHOW synchronous_commit")->rows.at(0).at(0).value_or("");
  };
  EXPECT_EQ(level(*open()), "on");  // the server's
  for (const char* told : {"local", "remote_write", "on", "remote_apply"}) {
    auto session = open();
    session->set_synchronous_commit(told);
    EXPECT_EQ(level(*session), told);
    session->set_synchronous_commit("");
    EXPECT_EQ(level(*session), "on");
  }
  server_->superuser("ALTER ROLE app SET synchronous_commit = 'local'");
  EXPECT_EQ(level(*open()), "local");
  for (const char* whose : {"ROLE app", "DATABASE audit", "ROLE ALL"}) {
    const std::string alter = "ALTER " + std::string(whose);
    server_->superuser(alter + " SET synchronous_commit = 'off'");
    EXPECT_EQ(level(*open()), "on") << whose;
    auto session = open();
    session->set_synchronous_commit("local");
    EXPECT_EQ(level(*session), "local");
    session->set_synchronous_commit("");
    EXPECT_EQ(level(*session), "on") << "not back to off";
    server_->superuser(alter + " RESET synchronous_commit");
  }
  server_->superuser("ALTER SYSTEM SET synchronous_commit = 'off'");
  server_->superuser("SELECT pg_reload_conf()");
  const auto give_up = in(20s);
  while (level(*open()) != "local") ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  server_->superuser("ALTER SYSTEM RESET synchronous_commit");
  server_->superuser("SELECT pg_reload_conf()");
}

TEST_F(SessionTest, StatementsAreNotCompiled) {
  server_->superuser("ALTER ROLE app SET jit = on");
  EXPECT_EQ(execute(*open(), "SHOW jit")->rows.at(0).at(0), "off");
  server_->superuser("ALTER ROLE app RESET jit");
}

TEST_F(SessionTest, LimitsThatTheServerRefusesAreNoStatementsFault) {
  auto session = open();
  session->set_limits(std::chrono::hours{24 * 365}, 0ms, 200);
  auto result = execute(*session, "SELECT 1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sqlstate, "22023");
  EXPECT_EQ(disposition_of(result.error()).cause, Disposition::Cause::kPerson);
  EXPECT_FALSE(session->usable());
}

TEST_F(SessionTest, MakesNoSessionWithADatabaseThatCannotHoldEveryText) {
  server_->superuser("CREATE DATABASE latin OWNER app TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
  auto session = run(context_, connect(context_.get_executor(), server_->connect_options("latin"), in(20s)));
  ASSERT_FALSE(session);
  EXPECT_NE(session.error().detail.find("/latin: the encoding of the database is not UTF8"),
            std::string::npos)
      << session.error().detail;
  EXPECT_TRUE(session.error().database_only);
  EXPECT_EQ(disposition_of(session.error()).cause, Disposition::Cause::kPerson);
  server_->superuser("DROP DATABASE latin WITH (FORCE)");
}

TEST_F(SessionTest, MakesNoSessionThatCannotWrite) {
  for (const char* setting : {"SET", "RESET"}) {
    const bool read_only = std::string(setting) == "SET";
    server_->superuser("ALTER ROLE app " + std::string(setting) + " default_transaction_read_only" +
                       (read_only ? " = on" : ""));
    auto session = run(context_, connect(context_.get_executor(), server_->connect_options(), in(20s)));
    ASSERT_EQ(session.has_value(), !read_only);
    if (session) continue;
    EXPECT_EQ(session.error().error_class, ErrorClass::kReadOnly);
    EXPECT_EQ(session.error().sqlstate, "25006");
    EXPECT_NE(session.error().detail.find("takes no writes"), std::string::npos);
  }
}

}  // namespace
}  // namespace storagepool::postgres
