// A database that is restored where transaction ids are lower or higher than those it was dumped with, as if:
// carried_pgtest.cc does it.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using ::testing::ElementsAre;
using testing::insert_batch;
using ::testing::IsEmpty;

class IncarnationTest : public testing::LogDatabaseTest {
 protected:
  // As a dump has them: in one transaction here, with the ids of their transactions there moved by `by`.
  static void restore(const std::string& by) {
    superuser("CREATE TABLE b AS SELECT * FROM audit_batches; CREATE TABLE l AS SELECT * FROM audit_log");
    superuser("TRUNCATE audit_batches; TRUNCATE audit_log");
    superuser("INSERT INTO audit_batches SELECT batch, incarnation, ((tx::text)::numeric + " + by +
              ")::text::xid8, events, kept, entries, mac FROM b; INSERT INTO audit_log SELECT * FROM l; DROP "
              "TABLE b, l");
  }
  // The state a pod there would have written, with the key that the database has not.
  void move_state(std::int64_t by) {
    const auto found = postgres::testing::run(context_, session_->execute(kReadFacts, deadline()));
    LogState state = read_facts(*found)->row->state;
    state.last.tx += static_cast<std::uint64_t>(by);
    state.written_by += static_cast<std::uint64_t>(by);
    const std::vector<Keys> keys{make_keys(testing::kSeed)};
    const Mac mac = LogMacs(keys).of_state(state);
    must(postgres::testing::run(context_,
                                session_->query(kWriteState, state_parameters(state, mac), deadline())));
  }
};

class RestoredTest : public IncarnationTest, public ::testing::WithParamInterface<std::int64_t> {};

TEST_P(RestoredTest, GoesOnWithoutLosingABatch) {
  superuser("SELECT pg_current_xact_id()");
  for (int i = 1; i <= 3; ++i) commit(i, static_cast<std::uint64_t>(i));
  seal();
  for (int i = 4; i <= 5; ++i) commit(i, static_cast<std::uint64_t>(i));
  move_state(GetParam());
  restore(std::to_string(GetParam()));
  // Pods write before anybody seals.
  for (int i = 6; i <= 7; ++i) commit(i, static_cast<std::uint64_t>(i));
  const SealingResult first = seal();
  EXPECT_THAT(kinds_of(first), ElementsAre(Kind::kNewIncarnation));
  EXPECT_TRUE(first.again);
  commit(8, 8);
  EXPECT_THAT(seal_all().alarms, IsEmpty());
  EXPECT_THAT(log(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_EQ(value("SELECT incarnation FROM audit_log"), "2");
  commit(9, 9);
  EXPECT_THAT(seal().alarms, IsEmpty());
  EXPECT_EQ(log().back(), 9U);
  // And once more.
  restore("0");
  commit(10, 10);
  EXPECT_THAT(kinds_of(seal_all()), ElementsAre(Kind::kNewIncarnation));
  EXPECT_EQ(log().size(), 10U);
  EXPECT_EQ(value("SELECT incarnation FROM audit_log"), "3");
}

INSTANTIATE_TEST_SUITE_P(Ids, RestoredTest, ::testing::Values(-300, 0, 1'000'000, std::int64_t{5} << 32),
                         [](const auto& by) {
                           return (by.param < 0 ? "Minus" : "Plus") + std::to_string(std::abs(by.param));
                         });

TEST_F(IncarnationTest, TheStateOfARewrittenTableIsThatOfBefore) {
  commit(1, 1);
  seal();
  for (const char* rewrite : {"VACUUM audit_log", "VACUUM (FREEZE) audit_log", "VACUUM FULL audit_log",
                              "CLUSTER audit_log USING audit_log_pkey", "VACUUM (FULL, FREEZE) audit_log"}) {
    superuser(rewrite);
    EXPECT_THAT(seal().alarms, IsEmpty()) << rewrite;
  }
}

TEST_F(IncarnationTest, WaitsForWritersBeforeItIsClosed) {
  commit(1, 1);
  seal();
  restore("0");
  const auto writer = open();
  execute(*writer, "BEGIN");
  execute(*writer, insert_batch(2, 2));
  EXPECT_EQ(seal().did, Did::kBusy);
  execute(*writer, "COMMIT");
  seal_all();
  EXPECT_THAT(log(), ElementsAre(1, 2));
}

}  // namespace
}  // namespace storagepool::evidence
