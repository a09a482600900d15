// Partitions while others read, write and maintain the same tables.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/partitions.h"
#include "pool/tables/testing/partitions_fixture.h"

namespace storagepool::tables {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kApril;
using testing::kFebruary;
using testing::kJanuary;
using testing::kMarch;
using testing::kMay;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using Names = std::vector<std::string>;

class PartitionsBesideOthersTest : public testing::PartitionsTest {
 protected:
  // Runs `sql` beside the test. `answer` is then the first value, "" without one, or what failed.
  void begin(postgres::Session& session, const std::string& sql, std::optional<std::string>& answer) {
    boost::asio::co_spawn(context_, ask(session, sql, answer), boost::asio::detached);
  }
  void begin_maintenance(const char* now, std::optional<Maintenance>& done) {
    boost::asio::co_spawn(context_, work(*runtime::parse_timestamp(now), done), boost::asio::detached);
  }
  // Until the condition holds, with what was begun going on.
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = deadline();
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("waited in vain");
      context_.restart();
      context_.run_for(5ms);
    }
  }
  // From now on whoever begins `command` waits until `open_gate`, not bound by lock_timeout.
  std::unique_ptr<postgres::Session> close_gate(const std::string& command) {
    superuser(
        "CREATE FUNCTION pass_gate() RETURNS event_trigger LANGUAGE plpgsql SET lock_timeout = 0 AS "
        "'BEGIN PERFORM pg_advisory_xact_lock_shared(1); END'; "
        "CREATE EVENT TRIGGER gate ON ddl_command_start WHEN TAG IN ('" +
        command + "') EXECUTE FUNCTION pass_gate()");
    auto gate = open();
    execute(*gate, "SELECT pg_advisory_lock(1)");
    return gate;
  }
  void open_gate(postgres::Session& gate) { execute(gate, "SELECT pg_advisory_unlock(1)"); }
  // How many wait for a lock on a "relation", or for an "advisory" one.
  static int waiting_for(const std::string& kind) {
    return std::stoi(
        superuser("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = '" + kind + "'").at(0));
  }

 private:
  boost::asio::awaitable<void> ask(postgres::Session& session, std::string sql,
                                   std::optional<std::string>& answer) {
    const auto result = co_await session.execute(sql, deadline());
    if (!result) {
      answer = result.error().detail;
    } else {
      answer = result->rows.empty() ? "" : result->rows.front().at(0).value_or("");
    }
  }
  boost::asio::awaitable<void> work(runtime::Timestamp now, std::optional<Maintenance>& done) {
    const auto maintained = co_await maintain(*session_, now, deadline());
    EXPECT_TRUE(maintained) << maintained.error().detail;
    done = maintained.value_or(Maintenance{});
  }
};

// What is planned while they move has to wait for both places.
TEST_F(PartitionsBesideOthersTest, HidesNoEventThatMoves) {
  stored(1, "2020-01-10T00:00:00Z");
  const auto gate = close_gate("ALTER TABLE");
  std::optional<Maintenance> done;
  begin_maintenance("2020-02-10T00:00:00Z", done);
  wait_until([] { return waiting_for("advisory") == 1; });  // moved, and not attached
  const std::string count = "SELECT count(*) FROM audit_events WHERE event_id = " + id_of(1);
  const std::vector<std::string> statements{count, count + " AND event_timestamp >= '2020-01-05T00:00:00Z'",
                                            count + " AND event_timestamp = '2020-01-10T00:00:00Z'",
                                            insert(2, "2020-01-11T00:00:00Z")};
  std::vector<std::unique_ptr<postgres::Session>> sessions;
  std::vector<std::optional<std::string>> answers(statements.size());
  for (std::size_t i = 0; i < statements.size(); ++i) {
    sessions.push_back(open());
    begin(*sessions[i], statements[i], answers[i]);
  }
  wait_until([&] { return waiting_for("relation") == static_cast<int>(statements.size()); });
  EXPECT_THAT(answers, Each(std::nullopt));
  open_gate(*gate);
  wait_until([&] {
    return done && std::all_of(answers.begin(), answers.end(), [](const auto& answer) { return !!answer; });
  });
  EXPECT_THAT(answers, ElementsAre("1", "1", "1", ""));
  EXPECT_THAT(done->created, ElementsAre(kJanuary, kFebruary, kMarch, kApril, kMay));
  EXPECT_EQ(done->moved, 1);
  EXPECT_THAT(place_of(1), ElementsAre(kJanuary));
  EXPECT_THAT(place_of(2), ElementsAre(kJanuary));
}

TEST_F(PartitionsBesideOthersTest, MovesAnEventThatComesWhileItsMonthIsMade) {
  const auto gate = close_gate("CREATE TABLE");
  std::optional<Maintenance> done;
  begin_maintenance("2020-02-10T00:00:00Z", done);
  wait_until([] { return waiting_for("advisory") == 1; });  // has found nothing to move
  stored(1, "2020-01-10T00:00:00Z");
  open_gate(*gate);
  wait_until([&] { return done.has_value(); });
  EXPECT_THAT(done->created, ElementsAre(kJanuary, kFebruary, kMarch, kApril, kMay));
  EXPECT_EQ(done->moved, 1);
  EXPECT_THAT(place_of(1), ElementsAre(kJanuary));
}

TEST_F(PartitionsBesideOthersTest, MovesEventsOnlyWhenNobodyReadsOrPlans) {
  const auto planner = open();
  execute(*planner, "BEGIN");
  execute(*planner, "LOCK TABLE ONLY audit_events IN ACCESS SHARE MODE");
  stored(1, "2020-02-10T00:00:00Z");
  const Maintenance waiting = maintain_at("2020-02-10T00:00:00Z");
  EXPECT_THAT(waiting.created, ElementsAre(kJanuary));  // for which there is nothing to move
  EXPECT_THAT(waiting.postponed, ElementsAre(kFebruary));
  EXPECT_TRUE(waiting.again_soon());
  EXPECT_THAT(place_of(1), ElementsAre("audit_events_default"));
  execute(*planner, "COMMIT");
  const Maintenance done = maintain_at("2020-02-10T00:00:00Z");
  EXPECT_EQ(done.moved, 1);
  EXPECT_FALSE(done.again_soon());
  EXPECT_THAT(place_of(1), ElementsAre(kFebruary));
}

TEST_F(PartitionsBesideOthersTest, IsDoneOnceByManyPodsAtOnce) {
  std::vector<std::unique_ptr<postgres::Session>> sessions(6);
  for (auto& session : sessions) session = open();
  stored(1, "2020-02-10T00:00:00Z");
  std::vector<Maintenance> results;
  const auto work = [&](postgres::Session& session) -> boost::asio::awaitable<void> {
    const auto done =
        co_await maintain(session, *runtime::parse_timestamp("2020-02-10T00:00:00Z"), deadline());
    EXPECT_TRUE(done) << done.error().detail;
    results.push_back(done.value_or(Maintenance{}));
  };
  context_.restart();
  for (auto& session : sessions) boost::asio::co_spawn(context_, work(*session), boost::asio::detached);
  context_.run();
  Names created;
  std::int64_t moved = 0;
  for (const Maintenance& done : results) {
    created.insert(created.end(), done.created.begin(), done.created.end());
    moved += done.moved;
  }
  EXPECT_EQ(results.size(), sessions.size());
  // One that loses its turn to another between two months leaves the rest to it.
  EXPECT_THAT(created, UnorderedElementsAre(kJanuary, kFebruary, kMarch, kApril, kMay));
  EXPECT_THAT(partitions(), ElementsAre("audit_events_default", kJanuary, kFebruary, kMarch, kApril, kMay));
  EXPECT_EQ(moved, 1);
  EXPECT_THAT(place_of(1), ElementsAre(kFebruary));
}

TEST_F(PartitionsBesideOthersTest, SkipsWhileAnotherPodIsAtIt) {
  const auto other = open();
  execute(*other, "BEGIN");
  execute(*other, "SELECT pg_advisory_xact_lock(8318198472447784051)");
  const Maintenance skipped = maintain_at("2020-02-10T00:00:00Z");
  EXPECT_TRUE(skipped.skipped);
  EXPECT_FALSE(session_->in_transaction());
  EXPECT_THAT(partitions(), ElementsAre("audit_events_default"));
  execute(*other, "COMMIT");
  EXPECT_EQ(maintain_at("2020-02-10T00:00:00Z").created.size(), 5U);
}

TEST_F(PartitionsBesideOthersTest, GivesWayToALongStatement) {
  const auto reader = open();
  execute(*reader, "BEGIN");
  execute(*reader, "SELECT FROM audit_events");
  const Maintenance waiting = maintain_at("2020-02-10T00:00:00Z");
  EXPECT_THAT(waiting.created, IsEmpty());
  EXPECT_THAT(waiting.postponed, ElementsAre(kJanuary));
  EXPECT_FALSE(session_->in_transaction());
  EXPECT_EQ(superuser("SELECT to_regclass('audit_events_y2020m01') IS NULL"), Names{"t"});
  execute(*reader, "COMMIT");
  EXPECT_EQ(maintain_at("2020-02-10T00:00:00Z").created.size(), 5U);
  // A month that ends while somebody reads all is not dropped under the reader.
  stored(1, "2020-01-20T00:00:00Z", 1);
  execute(*reader, "BEGIN");
  execute(*reader, "SELECT FROM audit_events");
  const Maintenance late = maintain_at("2020-03-10T00:00:00Z");
  EXPECT_THAT(late.dropped, IsEmpty());
  EXPECT_THAT(late.postponed, Contains(kJanuary));
  EXPECT_THAT(partitions(), Contains(kJanuary));
  execute(*reader, "COMMIT");
  EXPECT_THAT(maintain_at("2020-03-10T00:00:00Z").dropped, ElementsAre(kJanuary));
}

TEST_F(PartitionsBesideOthersTest, LetsInsertsGoOnWhileAMonthIsAttached) {
  maintain_at("2020-02-10T00:00:00Z");
  const auto writer = open();
  execute(*writer, "BEGIN");
  execute(*writer, insert(1, "2020-02-10T00:00:00Z"));
  const Maintenance done = maintain_at("2020-03-10T00:00:00Z");  // the writer has not ended
  EXPECT_THAT(done.created, ElementsAre("audit_events_y2020m06"));
  execute(*writer, "COMMIT");
  EXPECT_THAT(place_of(1), ElementsAre(kFebruary));
}

TEST_F(PartitionsBesideOthersTest, DoesNotDropAMonthUnderAnEventThatComesLate) {
  maintain_at("2020-01-15T00:00:00Z");
  maintain_at("2020-02-15T00:00:00Z");  // January is next
  const auto writer = open();
  execute(*writer, "BEGIN");
  execute(*writer, insert(1, "2020-01-20T00:00:00Z"));
  const Maintenance waiting = maintain_at("2020-03-10T00:00:00Z");
  EXPECT_THAT(waiting.dropped, IsEmpty());
  EXPECT_THAT(waiting.postponed, Contains(kJanuary));
  execute(*writer, "COMMIT");
  EXPECT_THAT(maintain_at("2020-03-10T00:00:00Z").dropped, Not(Contains(kJanuary)));
  EXPECT_THAT(place_of(1), ElementsAre(kJanuary));
}

}  // namespace
}  // namespace storagepool::tables
