#include "pool/tables/indexes.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/testing/partitions_fixture.h"

namespace storagepool::tables {
namespace {

using namespace std::chrono_literals;
using postgres::testing::run;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kJanuary;
using Names = std::vector<std::string>;
using Step = tl::expected<IndexStep, std::string>;

const settings::EventIndexes kBoth{"Actor", "Resource"};
const std::string kOfJanuary = kJanuary + "_by_actor";

class IndexesTest : public testing::PartitionsTest {
 protected:
  void SetUp() override {
    PartitionsTest::SetUp();
    maintain_at("2020-02-10T00:00:00Z");
  }
  void TearDown() override { EXPECT_TRUE(run(context_, engine_.drain(deadline()))); }

  Step step(IndexUpkeep& upkeep) { return run(context_, upkeep.step("audit", deadline())); }
  // Until nothing is left: how many steps did something.
  int settle(const settings::EventIndexes& wanted) {
    IndexUpkeep upkeep(engine_, wanted);
    for (int steps = 0;; ++steps) {
      const Step done = step(upkeep);
      if (!done) throw std::runtime_error(done.error());
      EXPECT_FALSE(done->skipped);
      if (done->idle()) return steps;
      EXPECT_NE(done->made.empty(), done->dropped.empty());
    }
  }
  // Those of ours, whether valid (t or f).
  static Names indexes(const std::string& state = "t") {
    return superuser(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indexrelid::regclass::text ~ "
        "'_by_(actor|resource)$' AND indisvalid = '" +
        state + "' ORDER BY 1");
  }
  void begin(IndexUpkeep& upkeep, std::optional<Step>& done) {
    boost::asio::co_spawn(context_, postgres::testing::keep(upkeep.step("audit", deadline()), done),
                          boost::asio::detached);
  }
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = deadline();
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("waited in vain");
      context_.restart();
      context_.run_for(5ms);
    }
  }
  // One who has begun to read before, for whom an index that is made must wait.
  std::unique_ptr<postgres::Session> reader() {
    auto session = open();
    execute(*session, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM " + kJanuary);
    return session;
  }
  static bool builder_waits() {
    return superuser(
               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE "
               "'CREATE INDEX CONCURRENTLY %'") == Names{"1"};
  }

  engine::Engine engine_{context_.get_executor(), [] { return server_->connect_options(); }, "audit", {}, {}};
};

TEST_F(IndexesTest, AreMadeForEachMonthAndDroppedAgain) {
  superuser(
      "CREATE TABLE \"By Hand\" PARTITION OF audit_events FOR VALUES FROM (MINVALUE) TO ('2019-12-01 "
      "00:00Z')");
  stored(1, "2020-01-10T00:00:00Z");
  EXPECT_EQ(settle({}), 0);
  EXPECT_EQ(settle(kBoth), 12);  // five months, and the default partition
  EXPECT_EQ(indexes().size(), 12U);
  EXPECT_THAT(indexes(), Each(HasSubstr("audit_events_")));
  EXPECT_EQ(superuser("SELECT indexdef FROM pg_indexes WHERE indexname = '" + kOfJanuary + "'"),
            Names{"CREATE INDEX " + kOfJanuary + " ON public." + kJanuary +
                  " USING btree (actor_id, event_timestamp, event_id)"});
  EXPECT_EQ(settle(kBoth), 0);
  EXPECT_EQ(maintain_at("2020-03-10T00:00:00Z").created, Names{"audit_events_y2020m06"});
  EXPECT_EQ(settle(kBoth), 2);
  EXPECT_EQ(settle({"Resource"}), 7);
  EXPECT_THAT(indexes(), Each(HasSubstr("_by_resource")));
  EXPECT_EQ(settle({}), 7);
  EXPECT_THAT(indexes(), IsEmpty());
}

TEST_F(IndexesTest, TellWhatIsLeftAndLeaveTheSessionAsItWas) {
  IndexUpkeep upkeep(engine_, {"Actor"});
  const Step first = step(upkeep);
  ASSERT_TRUE(first) << first.error();
  EXPECT_EQ(first->made, "audit_events_y2020m05_by_actor");  // the newest month
  EXPECT_EQ(upkeep.left(), 5);
  const auto lease = run(context_, engine_.acquire("audit", deadline()));
  const auto limits =
      must(run(context_, (*lease)->execute("SELECT current_setting('statement_timeout') || ' ' || "
                                           "current_setting('lock_timeout')",
                                           deadline())));
  EXPECT_EQ(limits.rows.at(0).at(0), "30s 10s");
  EXPECT_EQ(superuser("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), Names{"0"});
}

TEST_F(IndexesTest, ThatWereLeftUnfinishedAreMadeAgain) {
  stored(1, "2020-01-10T00:00:00Z");
  stored(2, "2020-01-10T00:00:00Z");
  // Fails for the two, after the index is known, as one whose pod is killed.
  EXPECT_THROW(
      superuser("CREATE UNIQUE INDEX CONCURRENTLY " + kOfJanuary + " ON " + kJanuary + " (actor_id)"),
      std::exception);
  ASSERT_THAT(indexes("f"), ElementsAre(kOfJanuary));
  EXPECT_EQ(settle({"Actor"}), 7);
  EXPECT_THAT(indexes("f"), IsEmpty());
  EXPECT_EQ(indexes().size(), 6U);
  EXPECT_EQ(superuser("SELECT indisunique FROM pg_index WHERE indexrelid = '" + kOfJanuary + "'::regclass"),
            Names{"f"});
}

// Neither whoever writes, also elsewhere on the server, nor another pod waits for one that must wait itself.
TEST_F(IndexesTest, HoldNobodyUp) {
  settle({"Actor"});
  superuser("DROP INDEX " + kOfJanuary);
  const auto long_reader = reader();
  IndexUpkeep upkeep(engine_, {"Actor"});
  std::optional<Step> done;
  begin(upkeep, done);
  wait_until([] { return builder_waits(); });
  execute(*session_, "SET lock_timeout = '1s'");
  execute(*session_, insert(1, "2020-01-10T00:00:00Z"));
  // Nor does the log, whose cut is the oldest transaction that writes.
  EXPECT_EQ(superuser("SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND query LIKE "
                      "'CREATE INDEX CONCURRENTLY %'"),
            Names{"0"});
  IndexUpkeep other(engine_, {});
  const Step skipped = step(other);
  ASSERT_TRUE(skipped) << skipped.error();
  EXPECT_TRUE(skipped->skipped);
  EXPECT_THAT(maintain_at("2020-02-10T00:00:00Z").postponed, IsEmpty());
  EXPECT_FALSE(done);
  execute(*long_reader, "COMMIT");
  wait_until([&] { return done.has_value(); });
  ASSERT_TRUE(*done) << done->error();
  EXPECT_EQ((*done)->made, kOfJanuary);
  EXPECT_EQ(upkeep.left(), 0);
}

TEST_F(IndexesTest, AreGivenUpWhenThePodEnds) {
  settle({"Actor"});
  superuser("DROP INDEX " + kOfJanuary);
  const auto long_reader = reader();
  IndexUpkeep upkeep(engine_, {"Actor"});
  std::optional<Step> done;
  begin(upkeep, done);
  wait_until([] { return builder_waits(); });
  upkeep.stop();
  wait_until([&] { return done.has_value(); });
  ASSERT_FALSE(*done);
  EXPECT_THAT(done->error(), HasSubstr(kOfJanuary));
  EXPECT_TRUE(step(upkeep)->idle());
  EXPECT_THAT(indexes("f"), ElementsAre(kOfJanuary));
  execute(*long_reader, "COMMIT");
  EXPECT_EQ(settle({"Actor"}), 2);
  EXPECT_THAT(indexes("f"), IsEmpty());
}

TEST_F(IndexesTest, ThatCannotBeMadeKeepNoOthersFromIt) {
  superuser("CREATE TABLE audit_events_y2020m05_by_actor (i int)");
  IndexUpkeep upkeep(engine_, {"Actor"});
  const Step failed = step(upkeep);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error(), HasSubstr("audit_events_y2020m05_by_actor"));
  for (int left = 5; left > 0; --left) {
    const Step next = step(upkeep);
    ASSERT_TRUE(next) << next.error();
    EXPECT_FALSE(next->made.empty());
    EXPECT_EQ(upkeep.left(), left);
  }
  EXPECT_FALSE(step(upkeep));
  superuser("DROP TABLE audit_events_y2020m05_by_actor");
  const Step mended = step(upkeep);
  ASSERT_TRUE(mended) << mended.error();
  EXPECT_EQ(upkeep.left(), 0);
}

}  // namespace
}  // namespace storagepool::tables
