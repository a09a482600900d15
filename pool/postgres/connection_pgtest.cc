// What a session does once it is established; how it is established is tested in connect_pgtest.cc.
#include "pool/postgres/connect.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>

#include <poll.h>

#include <gtest/gtest.h>

#include "pool/postgres/testing/relay.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::postgres {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::run;
using testing::Server;

class ConnectionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<Server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  std::unique_ptr<Session> open(const ConnectOptions& options) {
    auto session = run(context_, connect(context_.get_executor(), options, in(20s)));
    if (!session) throw std::runtime_error(session.error().detail);
    return std::move(*session);
  }
  std::unique_ptr<Session> open() { return open(server_->connect_options()); }

  tl::expected<Result, Error> query(Session& session, std::string_view sql,
                                    std::vector<Parameter> parameters = {},
                                    std::chrono::milliseconds time = 20s) {
    return run(context_, session.query(sql, std::move(parameters), in(time)));
  }
  tl::expected<Result, Error> execute(Session& session, std::string_view sql) {
    return run(context_, session.execute(sql, in(20s)));
  }
  std::string value(Session& session, std::string_view sql) {
    auto result = execute(session, sql);
    if (!result) throw std::runtime_error(result.error().detail);
    return result->rows.at(0).at(0).value_or("NULL");
  }
  std::string prepared_statements(Session& session) {
    return value(session, "SELECT count(*) FROM pg_prepared_statements");
  }
  static std::unique_ptr<Server> server_;
  boost::asio::io_context context_{1};
};
std::unique_ptr<Server> ConnectionTest::server_;

TEST_F(ConnectionTest, QueriesWithParametersAndNulls) {
  auto session = open();
  auto result = query(*session, "SELECT $1::int + 1 AS n, $2::text AS t, $3::text AS missing",
                      {"41", "it's \"quoted\"; -- \\", std::nullopt});
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->columns, (std::vector<std::string>{"n", "t", "missing"}));
  ASSERT_EQ(result->rows.size(), 1u);
  EXPECT_EQ(result->rows[0][0], "42");
  EXPECT_EQ(result->rows[0][1], "it's \"quoted\"; -- \\");
  EXPECT_FALSE(result->rows[0][2]);

  result = query(*session, "SELECT generate_series(1, 1000)");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows.size(), 1000u);
  EXPECT_EQ(result->rows[999][0], "1000");

  result = query(*session, "SELECT 1 AS n WHERE false");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->columns, std::vector<std::string>{"n"});
  EXPECT_TRUE(result->rows.empty());
}

// A plan that is not made for the value locks every partition.
TEST_F(ConnectionTest, PlansAQueryOnceForItsValuesAndForgetsIt) {
  auto session = open();
  ASSERT_TRUE(execute(*session,
                      "CREATE TEMP TABLE parts (n int) PARTITION BY LIST (n);"
                      "CREATE TEMP TABLE part_one PARTITION OF parts FOR VALUES IN (1);"
                      "CREATE TEMP TABLE part_two PARTITION OF parts FOR VALUES IN (2);"
                      "INSERT INTO parts VALUES (2)"));
  ASSERT_TRUE(execute(*session, "BEGIN"));
  for (int i = 0; i < 10; ++i) {
    auto result = run(context_, session->query_once("SELECT n FROM parts WHERE n = $1", {"2"}, in(20s)));
    ASSERT_TRUE(result) << result.error().detail;
    ASSERT_EQ(result->rows.size(), 1u);
  }
  const auto locked = [&](const std::string& table) {
    return value(*session, "SELECT count(*) FROM pg_locks WHERE relation = '" + table + "'::regclass");
  };
  EXPECT_EQ(locked("part_two"), "1");
  EXPECT_EQ(locked("part_one"), "0");
  EXPECT_EQ(prepared_statements(*session), "0");
}

TEST_F(ConnectionTest, CountsAffectedRowsAndKeepsTheLastResultOfSeveral) {
  auto session = open();
  auto result = execute(*session, "CREATE TEMP TABLE t (n int); INSERT INTO t SELECT generate_series(1, 5)");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->affected_rows, 5);
  result = query(*session, "UPDATE t SET n = n + 1 WHERE n > $1", {"2"});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->affected_rows, 3);
  result = execute(*session, "SELECT 1 AS a, 2 AS b; SELECT n FROM t WHERE n > 4 ORDER BY n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->columns, std::vector<std::string>{"n"});
  EXPECT_EQ(result->rows.size(), 2u);
}

TEST_F(ConnectionTest, TextOfResultsDoesNotDependOnTheServersSettings) {
  server_->superuser("ALTER ROLE app SET DateStyle = 'German'; ALTER ROLE app SET TimeZone = 'Asia/Tokyo'");
  auto session = open();
  EXPECT_EQ(value(*session, "SELECT '2024-05-06T07:08:09Z'::timestamptz"), "2024-05-06 07:08:09+00");
  server_->superuser("ALTER ROLE app RESET ALL");
}

// As the server has set them on its socket.
TEST_F(ConnectionTest, TheServerLetsAVanishedClientGoWithinHalfAMinute) {
  auto session = open();
  EXPECT_EQ(value(*session, "SHOW tcp_keepalives_idle"), "15");
  EXPECT_EQ(value(*session, "SHOW tcp_keepalives_interval"), "5");
  EXPECT_EQ(value(*session, "SHOW tcp_keepalives_count"), "3");
  EXPECT_EQ(value(*session, "SHOW tcp_user_timeout"), "30000");
}

TEST_F(ConnectionTest, CarriesLargeParametersAndResults) {
  auto session = open();
  const std::string large(std::size_t{20} * 1024 * 1024, 'x');
  auto result = query(*session, "SELECT $1::text", {large});
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->rows[0][0], large);
}

TEST_F(ConnectionTest, TakesBinaryParametersBesideText) {
  auto session = open();
  const std::string int8("\x00\x00\x00\x01\x00\x00\x00\x02", 8);  // 2^32 + 2, in network byte order
  for (const std::size_t cached : {std::size_t{10}, std::size_t{0}}) {
    session->set_limits(0ms, 0ms, cached);
    auto result =
        query(*session, "SELECT $1::int8 + $2::int8, $3::bytea, $4::text",
              {Parameter::binary(int8), "1", Parameter::binary(std::string("a\0b", 3)), std::nullopt});
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->rows.at(0).at(0), "4294967299");
    EXPECT_EQ(result->rows[0].at(1), "\\x610062");
    EXPECT_EQ(result->rows[0].at(2), std::nullopt);
  }
  auto result = query(*session, "SELECT $1::int8", {Parameter::binary("short")});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sqlstate, "08P01");
  EXPECT_FALSE(session->usable());
}

TEST_F(ConnectionTest, RefusesAnAnswerWithoutBound) {
  auto session = open();
  auto result = query(*session, "SELECT repeat('x', 1000000) FROM generate_series(1, 1000)");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error_class, ErrorClass::kOther);
  EXPECT_NE(result.error().detail.find("64 MiB"), std::string::npos);
  EXPECT_FALSE(session->usable());
  EXPECT_TRUE(run(context_, session->close(in(20s))));
}

TEST_F(ConnectionTest, RefusesCopyWithoutHanging) {
  auto session = open();
  auto result = execute(*session, "COPY (SELECT 1) TO STDOUT");
  ASSERT_FALSE(result);
  EXPECT_FALSE(session->usable());
}

TEST_F(ConnectionTest, SortsErrorsByCause) {
  auto session = open();
  ASSERT_TRUE(execute(*session, "CREATE TEMP TABLE t (n int CONSTRAINT n_is_positive CHECK (n > 0))"));
  auto result = query(*session, "INSERT INTO t VALUES ($1)", {"-1"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sqlstate, "23514");
  EXPECT_EQ(result.error().constraint, "n_is_positive");

  result = query(*session, "INSERT INTO t VALUES ($1)", {"confidential"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sqlstate, "22P02");
  EXPECT_EQ(result.error().detail.find("confidential"), std::string::npos);

  result = query(*session, "SELECT $1::text", {std::string("a\0b", 3)});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sqlstate, "22021");

  result = query(*session, "no such statement");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sqlstate, "42601");
  EXPECT_TRUE(session->usable());
}

TEST_F(ConnectionTest, KnowsItsTransaction) {
  auto session = open();
  EXPECT_FALSE(session->in_transaction());
  ASSERT_TRUE(execute(*session, "BEGIN"));
  EXPECT_TRUE(session->in_transaction());
  ASSERT_FALSE(execute(*session, "SELECT 1/0"));
  EXPECT_TRUE(session->in_transaction());
  EXPECT_TRUE(session->usable());
  ASSERT_TRUE(execute(*session, "ROLLBACK"));
  EXPECT_FALSE(session->in_transaction());
}

TEST_F(ConnectionTest, StatementCacheSizeBoundsWhatIsPrepared) {
  auto options = server_->connect_options();
  options.statement_cache_size = 3;
  auto session = open(options);
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(query(*session, "SELECT " + std::to_string(i)));
    ASSERT_TRUE(query(*session, "SELECT " + std::to_string(i)));
    EXPECT_EQ(prepared_statements(*session), std::to_string(std::min(i + 1, 3)));
  }
  EXPECT_EQ(
      value(*session, "SELECT string_agg(statement, ',' ORDER BY statement) FROM pg_prepared_statements"),
      "SELECT 4,SELECT 5,SELECT 6");

  session->set_limits(0ms, 0ms, 1);
  EXPECT_EQ(prepared_statements(*session), "1");
  session->set_limits(0ms, 0ms, 0);
  ASSERT_TRUE(query(*session, "SELECT $1::int", {"1"}));
  EXPECT_EQ(prepared_statements(*session), "0");
  session->set_limits(0ms, 0ms, 5);
  ASSERT_TRUE(query(*session, "SELECT $1::int", {"1"}));
  EXPECT_EQ(prepared_statements(*session), "1");
}

TEST_F(ConnectionTest, EvictsStatementsWithinATransactionAndAfterAFailedOne) {
  auto options = server_->connect_options();
  options.statement_cache_size = 1;
  auto session = open(options);
  ASSERT_TRUE(execute(*session, "BEGIN"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(query(*session, "SELECT " + std::to_string(i)));
  ASSERT_FALSE(query(*session, "SELECT 1/0"));
  ASSERT_FALSE(query(*session, "SELECT 9"));
  ASSERT_TRUE(execute(*session, "ROLLBACK"));
  ASSERT_TRUE(query(*session, "SELECT 9"));
  EXPECT_EQ(prepared_statements(*session), "1");
}

TEST_F(ConnectionTest, PreparesAgainWhatTheServerHasLostOrCannotRunAnyMore) {
  auto session = open();
  ASSERT_TRUE(execute(*session, "CREATE TEMP TABLE t AS SELECT 1 AS a"));
  ASSERT_TRUE(query(*session, "SELECT * FROM t"));
  ASSERT_TRUE(execute(*session, "ALTER TABLE t ADD b int"));  // "cached plan must not change result type"
  auto result = query(*session, "SELECT * FROM t");
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->columns.size(), 2u);
  EXPECT_EQ(prepared_statements(*session), "1");

  ASSERT_TRUE(execute(*session, "DEALLOCATE ALL"));
  ASSERT_TRUE(query(*session, "SELECT * FROM t"));
}

TEST_F(ConnectionTest, AStatementThatSpoiltATransactionIsNotRunAgainInIt) {
  auto session = open();
  ASSERT_TRUE(execute(*session, "CREATE TEMP TABLE t AS SELECT 1 AS a"));
  ASSERT_TRUE(query(*session, "SELECT * FROM t"));
  ASSERT_TRUE(execute(*session, "ALTER TABLE t ADD b int"));
  ASSERT_TRUE(execute(*session, "BEGIN"));
  auto result = query(*session, "SELECT * FROM t");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sqlstate, "0A000");
  EXPECT_FALSE(session->usable());
  EXPECT_FALSE(session->lost());
  EXPECT_EQ(query(*session, "SELECT * FROM t").error().error_class, ErrorClass::kConnectionLost);
}

TEST_F(ConnectionTest, WhatCannotBePreparedIsNotCached) {
  auto session = open();
  EXPECT_FALSE(query(*session, "SELECT * FROM missing"));
  EXPECT_EQ(prepared_statements(*session), "0");
  ASSERT_TRUE(execute(*session, "CREATE TEMP TABLE missing (n int)"));
  EXPECT_TRUE(query(*session, "SELECT * FROM missing"));
  EXPECT_EQ(prepared_statements(*session), "1");
}

TEST_F(ConnectionTest, StatementTimeoutIsInForceAndChangesLive) {
  auto options = server_->connect_options();
  options.statement_timeout = 50ms;
  auto session = open(options);
  auto result = query(*session, "SELECT pg_sleep(30)");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error_class, ErrorClass::kTimeout);
  EXPECT_EQ(result.error().sqlstate, "57014");
  EXPECT_TRUE(session->usable());

  session->set_limits(0ms, 0ms, 10);
  EXPECT_EQ(value(*session, "SHOW statement_timeout"), "0");
  ASSERT_TRUE(query(*session, "SELECT pg_sleep(0.1)"));
  session->set_limits(1234ms, 0ms, 10);
  EXPECT_EQ(value(*session, "SHOW statement_timeout"), "1234ms");
}

TEST_F(ConnectionTest, LimitsSetDuringATransactionSurviveItsRollback) {
  auto session = open();
  ASSERT_TRUE(execute(*session, "BEGIN"));
  session->set_limits(4321ms, 0ms, 10);
  ASSERT_TRUE(execute(*session, "ROLLBACK"));
  EXPECT_EQ(value(*session, "SHOW statement_timeout"), "4321ms");
}

TEST_F(ConnectionTest, LockTimeoutIsInForce) {
  auto options = server_->connect_options();
  options.lock_timeout = 50ms;
  auto holder = open();
  auto session = open(options);
  ASSERT_TRUE(execute(*holder, "BEGIN; SELECT pg_advisory_xact_lock(7)"));
  auto result = query(*session, "SELECT pg_advisory_xact_lock(7)");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error_class, ErrorClass::kTimeout);
  EXPECT_EQ(result.error().sqlstate, "55P03");
  EXPECT_TRUE(session->usable());
  session->set_limits(0ms, 5678ms, 10);
  EXPECT_EQ(value(*session, "SHOW lock_timeout"), "5678ms");
}

TEST_F(ConnectionTest, AStatementPastItsDeadlineMakesTheSessionUnusableAndTheServerLetsGo) {
  auto session = open();
  const std::string backend = value(*session, "SELECT pg_backend_pid()");
  auto result = query(*session, "SELECT pg_sleep(60)", {}, 50ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error_class, ErrorClass::kTimeout);
  EXPECT_FALSE(session->usable());
  EXPECT_TRUE(session->lost());
  EXPECT_FALSE(execute(*session, "SELECT 1"));
  EXPECT_TRUE(run(context_, session->close(in(20s))));
  EXPECT_EQ(server_->superuser("SELECT count(*) FROM pg_stat_activity WHERE pid = " + backend).at(0), "0");
}

TEST_F(ConnectionTest, CloseReturnsOnceTheServerHasLetGo) {
  for (int i = 0; i < 20; ++i) {
    auto session = open();
    const std::string backend = value(*session, "SELECT pg_backend_pid()");
    EXPECT_TRUE(run(context_, session->close(in(20s))));
    EXPECT_EQ(server_->superuser("SELECT count(*) FROM pg_stat_activity WHERE pid = " + backend).at(0), "0");
  }
}

TEST_F(ConnectionTest, CloseGivesUpAtItsDeadline) {
  auto session = open();
  const pid_t backend = std::stoi(value(*session, "SELECT pg_backend_pid()"));
  ASSERT_EQ(kill(backend, SIGSTOP), 0);
  EXPECT_FALSE(run(context_, session->close(in(50ms))));
  ASSERT_EQ(kill(backend, SIGCONT), 0);
}

TEST_F(ConnectionTest, AnIdleSessionsDeathShowsOnItsSocket) {
  auto session = open();
  pollfd socket{session->descriptor(), POLLIN | POLLRDHUP, 0};
  EXPECT_EQ(poll(&socket, 1, 0), 0);
  EXPECT_TRUE(session->alive());
  server_->terminate("usename = 'app'");
  EXPECT_EQ(poll(&socket, 1, 20'000), 1);
  const auto give_up = in(20s);
  while (session->alive()) ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  EXPECT_TRUE(session->lost());
  EXPECT_FALSE(session->usable());
}

TEST_F(ConnectionTest, WhatTheServerSaysLastEndsASessionWhoseSocketStaysOpen) {
  ConnectOptions options = server_->connect_options();
  const testing::Relay relay(options.port);
  options.port = relay.port();
  auto session = open(options);
  server_->terminate("usename = 'app'");
  const auto give_up = in(20s);
  while (session->alive()) ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  EXPECT_TRUE(session->lost());
  pollfd socket{session->descriptor(), POLLRDHUP, 0};
  EXPECT_EQ(poll(&socket, 1, 0), 0);
}

TEST_F(ConnectionTest, ATerminatedSessionIsLost) {
  auto session = open();
  server_->terminate("usename = 'app'");
  auto result = query(*session, "SELECT 1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error_class, ErrorClass::kConnectionLost);
  EXPECT_FALSE(session->usable());
  EXPECT_FALSE(session->alive());
}

}  // namespace
}  // namespace storagepool::postgres
