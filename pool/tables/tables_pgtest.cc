#include "pool/tables/tables.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/event/fields.h"
#include "pool/postgres/connect.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::tables {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::run;
using Migrated = tl::expected<SchemaState, postgres::Error>;

// Each fails if it is carried out twice, and the second takes long enough for others to come up behind.
constexpr std::array<Migration, 4> kSteps = {{
    {1, "first", "CREATE TABLE first (i int); INSERT INTO first VALUES (1)"},
    {2, "slow", "SELECT pg_sleep(0.2); CREATE TABLE second AS SELECT * FROM first"},
    {3, "third", "ALTER TABLE second ADD COLUMN j int"},
    {4, "fourth", "CREATE INDEX second_j ON second (j)"},
}};

class SchemaTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<postgres::testing::Server>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->empty("audit"); }

  std::unique_ptr<postgres::Session> open() {
    auto session =
        run(context_, postgres::connect(context_.get_executor(), server_->connect_options(), in(20s)));
    if (!session) throw std::runtime_error(session.error().detail);
    return std::move(*session);
  }
  Migrated migrate_to(postgres::Session& session, std::span<const Migration> known,
                      std::chrono::milliseconds time = 30s) {
    return run(context_, migrate(session, known, in(time)));
  }
  std::vector<std::string> recorded() const {
    return server_->superuser("SELECT version || ' ' || name FROM storagepool_schema ORDER BY version",
                              "audit");
  }

  static std::unique_ptr<postgres::testing::Server> server_;
  boost::asio::io_context context_;
};
std::unique_ptr<postgres::testing::Server> SchemaTest::server_;

// The versions and what each brings.
const std::vector<std::string> kOfThisRelease{"1 audit events",
                                              "2 what a repeated call is compared with",
                                              "3 texts that clients give for ids",
                                              "4 events that expire before their month does",
                                              "5 evidence",
                                              "6 legal holds",
                                              "7 the full audit",
                                              "8 guards against accidents",
                                              "9 floors of the logs of workspaces"};

TEST_F(SchemaTest, CreatesTheSchemaOfThisReleaseOnce) {
  const auto session = open();
  const auto first = migrate_to(*session, migrations());
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->version, migrations().back().version);
  EXPECT_FALSE(first->newer_than_known);
  EXPECT_FALSE(session->in_transaction());
  const auto again = migrate_to(*session, migrations());
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(recorded(), kOfThisRelease);
  EXPECT_EQ(
      server_->superuser("SELECT count(*) FROM pg_indexes WHERE tablename = 'audit_events'", "audit").at(0),
      "8");
  EXPECT_EQ(
      server_->superuser("SELECT relkind FROM pg_class WHERE relname LIKE 'audit\\_event%' AND relkind IN "
                         "('r', 'p') ORDER BY relname",
                         "audit"),
      (std::vector<std::string>{"r", "p", "r"}));
}

template <typename Kind, typename Value>
bool may_lack_a_value(const event::Field<Kind, Value>&) {
  return false;
}
template <typename Kind, typename Value>
bool may_lack_a_value(const event::Field<Kind, std::optional<Value>>&) {
  return true;
}

TEST_F(SchemaTest, HasAColumnForEachFieldOfAnEvent) {
  std::vector<std::string> expected{"batch bigint"};  // which events do not have until they are stored
  event::for_each_field([&](const auto& field) {
    if (field.column.empty()) return;
    // How PostgreSQL calls it.
    const std::string type(field.column == "timestamptz" ? "timestamp with time zone" : field.column);
    expected.push_back(std::string(field.name) + " " + type + (may_lack_a_value(field) ? "" : " NOT NULL"));
  });
  const auto session = open();
  ASSERT_TRUE(migrate_to(*session, migrations()));
  EXPECT_THAT(
      server_->superuser("SELECT attname || ' ' || format_type(atttypid, atttypmod) || "
                         "CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END FROM pg_attribute "
                         "WHERE attrelid = 'audit_events'::regclass AND attnum > 0 AND NOT attisdropped",
                         "audit"),
      ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(SchemaTest, HappensOnceHoweverManyPodsMigrateAtOnce) {
  constexpr int kPods = 12;
  std::vector<std::unique_ptr<postgres::Session>> sessions(kPods);
  for (auto& session : sessions) session = open();
  std::vector<std::optional<Migrated>> results(kPods);
  const auto work = [](postgres::Session& session,
                       std::optional<Migrated>& result) -> boost::asio::awaitable<void> {
    result = co_await migrate(session, kSteps, in(60s));
  };
  context_.restart();
  for (std::size_t pod = 0; pod < sessions.size(); ++pod) {
    boost::asio::co_spawn(context_, work(*sessions[pod], results[pod]), boost::asio::detached);
  }
  context_.run();
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value());
    ASSERT_TRUE(*result) << result->error().detail;
    EXPECT_EQ((*result)->version, 4);
  }
  EXPECT_EQ(recorded(), (std::vector<std::string>{"1 first", "2 slow", "3 third", "4 fourth"}));
  EXPECT_EQ(server_->superuser("SELECT count(*) FROM first", "audit").at(0), "1");
  EXPECT_EQ(server_->superuser("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").at(0), "0");
}

TEST_F(SchemaTest, AFailingMigrationLeavesNothingOfItself) {
  constexpr std::array<Migration, 2> kBroken = {
      {kSteps[0], {2, "broken", "CREATE TABLE half (i int); SELECT 1/0"}}};
  const auto session = open();
  const auto broken = migrate_to(*session, kBroken);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().sqlstate, "22012");
  EXPECT_TRUE(session->usable());
  EXPECT_FALSE(session->in_transaction());
  EXPECT_EQ(recorded(), std::vector<std::string>{"1 first"});
  EXPECT_EQ(server_->superuser("SELECT to_regclass('half') IS NULL", "audit").at(0), "t");
  const auto repaired = migrate_to(*session, kSteps);
  ASSERT_TRUE(repaired) << repaired.error().detail;
  EXPECT_EQ(repaired->version, 4);
}

// Migrations that wait for each other could also deadlock, which only the real ones show.
TEST_F(SchemaTest, IsMadeOnceByManyPodsThatStartAtOnce) {
  constexpr int kPods = 8;
  std::vector<std::unique_ptr<postgres::Session>> sessions(kPods);
  for (auto& session : sessions) session = open();
  int done = 0;
  const auto work = [&](postgres::Session& session) -> boost::asio::awaitable<void> {
    const auto migrated = co_await migrate(session, migrations(), in(60s));
    EXPECT_TRUE(migrated) << migrated.error().detail;
    if (migrated) ++done;
  };
  context_.restart();
  for (auto& session : sessions) boost::asio::co_spawn(context_, work(*session), boost::asio::detached);
  context_.run();
  EXPECT_EQ(done, kPods);
  EXPECT_EQ(recorded(), kOfThisRelease);
}

TEST_F(SchemaTest, GoesOnWithANewerSchema) {
  const auto session = open();
  ASSERT_TRUE(migrate_to(*session, kSteps));
  const auto older_release = migrate_to(*session, std::span(kSteps).first(2));
  ASSERT_TRUE(older_release) << older_release.error().detail;
  EXPECT_EQ(older_release->version, 4);
  EXPECT_TRUE(older_release->newer_than_known);
}

TEST_F(SchemaTest, WaitsForAnotherPodNoLongerThanItsDeadline) {
  const auto other = open();
  ASSERT_TRUE(
      run(context_, other->execute("BEGIN; SELECT pg_advisory_xact_lock(8318198485365581165)", in(10s))));
  auto session = open();
  const auto blocked = migrate_to(*session, kSteps, 500ms);
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().error_class, postgres::ErrorClass::kTimeout);
  EXPECT_FALSE(session->usable());
  session.reset();  // as its owner must: it may still get the lock
  ASSERT_TRUE(run(context_, other->execute("COMMIT", in(10s))));
  const auto next = open();
  EXPECT_TRUE(migrate_to(*next, kSteps));
}

TEST_F(SchemaTest, ReportsARoleThatMayNotCreateTables) {
  server_->superuser("ALTER SCHEMA public OWNER TO postgres; GRANT USAGE ON SCHEMA public TO app", "audit");
  const auto session = open();
  const auto refused = migrate_to(*session, migrations());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sqlstate, "42501");
  EXPECT_FALSE(session->in_transaction());
}

}  // namespace
}  // namespace storagepool::tables
