#include "pool/evidence/sealing/sealer.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/sealing/publishing.h"
#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::FaultyConnection;
using ::testing::HasSubstr;
using testing::insert_batch;
using ::testing::IsEmpty;
using ::testing::Not;

class SealerTest : public testing::LogDatabaseTest {
 protected:
  std::string pid_of(postgres::Session& session) { return query(session, "SELECT pg_backend_pid()").at(0); }
};

TEST_F(SealerTest, SealsWhatWasCommittedInItsOrder) {
  EXPECT_EQ(seal().did, Did::kNothing);
  EXPECT_FALSE(sealer_->checkpoint());
  commit(50, 1, 2);
  commit(40, 3);
  const SealingResult first = seal();
  EXPECT_EQ(first.did, Did::kSealed);
  EXPECT_EQ(first.batches, 2);
  EXPECT_EQ(first.size, 3U);
  EXPECT_FALSE(first.again);
  EXPECT_THAT(log(), ElementsAre(1, 2, 3));
  const auto shown = sealer_->checkpoint();
  EXPECT_EQ(seal().did, Did::kNothing);
  EXPECT_EQ(sealer_->checkpoint(), shown);
  commit(45, 4, 300);
  EXPECT_EQ(seal().size, 303U);
  EXPECT_EQ(log().back(), 303U);
  EXPECT_EQ(value("SELECT level || ' ' || index FROM audit_nodes"), "1 0");
  EXPECT_FALSE(session_->in_transaction());
}

TEST_F(SealerTest, AnotherPodSignsTheSame) {
  commit(1, 1);
  seal();
  const auto shown = sealer_->checkpoint();
  sealer_ = make_sealer();
  EXPECT_EQ(seal().did, Did::kNothing);
  EXPECT_EQ(sealer_->checkpoint(), shown);
}

TEST_F(SealerTest, BeginsALogOnlyWhereItMay) {
  commit(1, 1);
  const auto seal_on = [&] {
    return must(postgres::testing::run(context_, sealer_->seal(*session_, deadline(), false))).did;
  };
  EXPECT_EQ(seal_on(), Did::kNotBegun);
  EXPECT_EQ(value("SELECT count(*) FROM audit_log"), "0");
  EXPECT_FALSE(session_->in_transaction());
  EXPECT_EQ(seal().did, Did::kSealed);
  commit(2, 2);
  EXPECT_EQ(seal_on(), Did::kSealed);
  EXPECT_THAT(log(), ElementsAre(1, 2));
}

// A sealer for each use, of a log that is named otherwise than the key.
class SealersTest : public SealerTest {
 protected:
  SealingResult seal_once() {
    const std::vector<Keys> keys{make_keys(testing::kSeed)};
    Sealer one(name_, keys, testing::note_key(), clock_);
    one.remember(memory_);
    auto result = must(postgres::testing::run(context_, one.seal(*session_, deadline())));
    memory_ = one.memory();
    shown_ = one.checkpoint();
    return result;
  }

  const std::string name_ = testing::kOrigin + "/ws/team-a/1";
  Sealer::Memory memory_;
  std::optional<tlog::Note> shown_;
};

TEST_F(SealersTest, OneKnowsWhatTheOneBeforeHasSeen) {
  commit(1, 1);
  EXPECT_EQ(seal_once().did, Did::kSealed);
  superuser("CREATE TABLE before AS TABLE audit_log; CREATE TABLE seals_before AS TABLE audit_seals");
  commit(2, 2);
  EXPECT_EQ(seal_once().size, 2U);
  ASSERT_TRUE(shown_);
  EXPECT_EQ(tlog::Checkpoint::read(shown_->text)->origin, name_);
  EXPECT_TRUE(tlog::NoteKey::of_seed(tlog::KeyKind::kLog, name_, testing::kSeed)->verify(*shown_));
  superuser(
      "TRUNCATE audit_log, audit_seals; INSERT INTO audit_log TABLE before; INSERT INTO audit_seals TABLE "
      "seals_before; DROP TABLE before, seals_before");
  EXPECT_THAT(kinds_of(seal_once()), ElementsAre(Kind::kLogRolledBack));
  memory_ = {};
  EXPECT_NE(seal_once().did, Did::kRefused) << "nobody knows";
}

TEST_F(SealersTest, OneHasWaitedForAsLongAsTheOneBefore) {
  const auto other = open();
  execute(*other, "BEGIN; SELECT pg_current_xact_id()");
  commit(1, 1);
  EXPECT_TRUE(seal_once().waiting);
  EXPECT_FALSE(shown_);
  clock_.pass(CutWatch::kPatience);
  const SealingResult fenced = seal_once();
  EXPECT_TRUE(fenced.fenced);
  EXPECT_FALSE(fenced.waiting);
  EXPECT_EQ(fenced.size, 1U);
}

TEST_F(SealerTest, OnlyKeepsWhatWasStored) {
  execute(*session_, insert_batch(1, 10, 4));
  superuser("UPDATE audit_batches SET kept = '{2,4}', events = 2");
  seal();
  EXPECT_THAT(log(), ElementsAre(11, 13));
}

TEST_F(SealerTest, WaitsForTransactionsThatBeganBefore) {
  const auto writer = open();
  execute(*writer, "BEGIN");
  execute(*writer, insert_batch(1, 1));
  commit(2, 2);
  const SealingResult waits = seal();
  EXPECT_EQ(waits.did, Did::kNothing);
  EXPECT_FALSE(waits.fenced);
  execute(*writer, "COMMIT");
  seal();
  EXPECT_THAT(log(), ElementsAre(1, 2));
}

// Whenever it commits: had cut and batches been read of two snapshots, the log would pass it.
TEST_F(SealerTest, PassesNothingThatCommitsWhileItSeals) {
  std::vector<std::uint64_t> expected;
  for (int at = 1;; ++at) {
    const auto writer = open();
    execute(*writer, "BEGIN");
    execute(*writer, insert_batch(2 * at, static_cast<std::uint64_t>(2 * at)));
    commit(2 * at + 1, static_cast<std::uint64_t>(2 * at + 1));
    FaultyConnection faulty(*session_, at, FaultyConnection::Fault::kBefore,
                            [&] { execute(*writer, "COMMIT"); });
    must(try_seal(faulty));
    if (faulty.hit().empty()) break;  // there are no more statements
    seal();
    expected.push_back(static_cast<std::uint64_t>(2 * at));
    expected.push_back(static_cast<std::uint64_t>(2 * at + 1));
    EXPECT_EQ(log(), expected) << faulty.hit();
  }
  EXPECT_GT(expected.size(), 6U);
}

TEST_F(SealerTest, SealsInPortions) {
  constexpr int kBatches = kMaxSealBatches + 100;
  const Batch one = testing::batch_of({0, 1}, 1);
  superuser("INSERT INTO audit_batches (batch, events, entries, mac) SELECT i, 1, '\\x" +
            encoding::encode_hex(one.entries) + "', '\\x" + encoding::encode_hex(one.mac) +
            "' FROM generate_series(1, " + std::to_string(kBatches) + ") AS i");
  const SealingResult first = seal();
  EXPECT_TRUE(first.again);
  EXPECT_EQ(first.alarms.size(), static_cast<std::size_t>(kMaxSealBatches - 1));  // of one MAC
  const SealingResult second = seal();
  EXPECT_FALSE(second.again);
  EXPECT_EQ(second.alarms.size(), 100U);
  EXPECT_THAT(log(), ElementsAre(1));
  EXPECT_EQ(value("SELECT last_batch FROM audit_log"), std::to_string(kBatches));
}

TEST_F(SealerTest, TakesWhatIsCommittedBetweenTwoPortions) {
  std::vector<std::uint64_t> expected;
  for (std::int64_t batch = 1; batch <= kMaxReadBatches; ++batch) {
    expected.push_back(static_cast<std::uint64_t>(batch));
    commit(batch, expected.back());
  }
  FaultyConnection watched(*session_, 4, FaultyConnection::Fault::kBefore,
                           [] { superuser(testing::insert_batch(1'000, 1'000)); });
  const SealingResult sealed = must(try_seal(watched));
  EXPECT_EQ(watched.hit(), kReadBatches) << "the second";
  EXPECT_FALSE(sealed.again);
  expected.push_back(1'000);
  EXPECT_EQ(log(), expected);
  EXPECT_EQ(value("SELECT count(*) FROM audit_seals"), "1");
}

TEST_F(SealerTest, TakesSoManyBytesAtOnce) {
  constexpr std::int64_t kEvents = 2'000;
  constexpr std::int64_t kBytes = kEvents * std::int64_t{kEntryBytes};
  constexpr std::int64_t kBatches = kMaxSealBytes / kBytes + 3;
  for (std::int64_t batch = 1; batch <= kBatches; ++batch)
    commit(batch, static_cast<std::uint64_t>(batch * kEvents), kEvents);
  const SealingResult first = seal();
  EXPECT_TRUE(first.again);
  EXPECT_EQ(first.batches, kMaxSealBytes / kBytes + 1);
  const SealingResult second = seal();
  EXPECT_FALSE(second.again);
  EXPECT_EQ(second.size, static_cast<std::uint64_t>(kBatches * kEvents));
}

TEST_F(SealerTest, FindsBatchesByIndex) {
  superuser(
      "INSERT INTO audit_batches (batch, events, entries, mac) SELECT i, 1, '\\x00', '\\x00' FROM "
      "generate_series(1, 20000) AS i");
  superuser(
      "INSERT INTO audit_seals (first_seq, size, batches, counts, lo, hi) SELECT i, 1, ARRAY[i], '{1}', i, i "
      "FROM generate_series(1, 5000) AS i");
  std::string plan;
  LogState state;
  state.last = {1, 1};
  for (const std::string& line :
       query(*session_, "EXPLAIN (COSTS OFF) " + kReadBatches, batch_parameters(state, Bound::kCut, {})))
    plan += line + '\n';
  EXPECT_THAT(plan, Not(HasSubstr("Seq Scan"))) << plan;
  EXPECT_THAT(plan, HasSubstr("Index Scan using audit_seals_by_batch")) << plan;
}

TEST_F(SealerTest, IsOneAtATime) {
  commit(1, 1);
  const auto other = open();
  execute(*other, "BEGIN; SELECT pg_advisory_xact_lock(8318198485398678561)");
  EXPECT_EQ(seal().did, Did::kBusy);
  EXPECT_FALSE(session_->in_transaction());
  execute(*other, "COMMIT");
  EXPECT_EQ(seal().did, Did::kSealed);
}

TEST_F(SealerTest, SealsWhateverIsolationAndTextOfBytesTheRoleHas) {
  superuser("ALTER ROLE app SET default_transaction_isolation = 'serializable'");
  superuser("ALTER ROLE app SET bytea_output = 'escape'");
  session_ = open();
  commit(1, 1);
  EXPECT_EQ(seal().did, Did::kSealed);
  EXPECT_THAT(log(), ElementsAre(1));
  superuser("ALTER ROLE app RESET ALL");
}

TEST_F(SealerTest, FencesOffALongTransaction) {
  const auto foreign = open();
  execute(*foreign, "BEGIN; CREATE TABLE elsewhere (i int)");
  commit(1, 1);
  EXPECT_EQ(seal().did, Did::kNothing);
  clock_.pass(4999ms);
  const SealingResult waits = seal();
  EXPECT_EQ(waits.cut_age, 4999ms);
  EXPECT_FALSE(waits.fenced);
  clock_.pass(1ms);
  const SealingResult fenced = seal();
  EXPECT_TRUE(fenced.fenced);
  EXPECT_EQ(fenced.did, Did::kSealed);
  EXPECT_EQ(fenced.holder, "the backend with the pid " + pid_of(*foreign) + " in the database audit");
  commit(2, 2);
  EXPECT_EQ(seal().did, Did::kNothing) << "the next only after as long";
  clock_.pass(5s);
  EXPECT_TRUE(seal().fenced);
  execute(*foreign, "COMMIT");
  commit(3, 3);
  seal();
  EXPECT_THAT(log(), ElementsAre(1, 2, 3));
}

// Also where a role's transactions have one snapshot: what is read once the lock is had is what counts.
TEST_F(SealerTest, TheFencePassesNothingThatCommitsBeforeItHasTheLock) {
  superuser("ALTER ROLE app SET default_transaction_isolation = 'repeatable read'");
  session_ = open();
  const auto foreign = open();
  execute(*foreign, "BEGIN; SELECT pg_current_xact_id()");
  std::vector<std::uint64_t> expected;
  for (int at = 1;; ++at) {
    const auto writer = open();
    execute(*writer, "BEGIN");
    execute(*writer, insert_batch(2 * at, static_cast<std::uint64_t>(2 * at)));
    commit(2 * at + 1, static_cast<std::uint64_t>(2 * at + 1));
    seal();
    clock_.pass(5s);
    FaultyConnection faulty(*session_, at, FaultyConnection::Fault::kBefore,
                            [&] { execute(*writer, "COMMIT"); });
    must(try_seal(faulty));
    expected.push_back(static_cast<std::uint64_t>(2 * at));
    expected.push_back(static_cast<std::uint64_t>(2 * at + 1));
    if (faulty.hit().empty() || at == 8) break;
    clock_.pass(5s);
    seal();
    EXPECT_EQ(log(), expected) << faulty.hit();
  }
  execute(*foreign, "COMMIT");
  superuser("ALTER ROLE app RESET ALL");
}

TEST_F(SealerTest, TheFenceWaitsForWritersThatHaveNotEnded) {
  const auto writer = open();
  execute(*writer, "BEGIN");
  execute(*writer, insert_batch(1, 1));
  execute(*writer, "PREPARE TRANSACTION 'held'");
  commit(2, 2);
  seal();
  clock_.pass(5s);
  const SealingResult waits = seal();
  EXPECT_EQ(waits.did, Did::kNothing);
  EXPECT_FALSE(waits.fenced);
  EXPECT_EQ(waits.holder, "the prepared transaction 'held' in the database audit");
  execute(*writer, "COMMIT PREPARED 'held'");
  seal();
  EXPECT_THAT(log(), ElementsAre(1, 2));
}

TEST_F(SealerTest, LosesNothingWhereverItIsKilled) {
  std::vector<std::uint64_t> expected;
  std::vector<std::string> hit;
  for (int at = 1;; ++at) {
    expected.push_back(static_cast<std::uint64_t>(at));
    commit(at, expected.back());
    const auto shown = sealer_->checkpoint();
    const auto victim = open();
    FaultyConnection faulty(*victim, at, FaultyConnection::Fault::kBefore,
                            [pid = pid_of(*victim)] { server_->terminate("pid = " + pid); });
    const auto sealed = try_seal(faulty);
    if (faulty.hit().empty()) break;  // there are no more statements
    hit.push_back(faulty.hit());
    EXPECT_FALSE(sealed) << hit.back();
    EXPECT_EQ(sealer_->checkpoint(), shown) << "signed what was never committed";
    EXPECT_EQ(seal().did, faulty.hit() == kReadStandbys ? Did::kNothing : Did::kSealed) << hit.back();
    EXPECT_EQ(log(), expected);
  }
  EXPECT_EQ(log(), expected);
  ASSERT_GT(hit.size(), 2U);
  EXPECT_EQ(hit[hit.size() - 2], "COMMIT");
  EXPECT_EQ(hit.back(), kReadStandbys);
}

TEST_F(SealerTest, ReadsBackACommitInDoubt) {
  commit(1, 1);
  const auto victim = open();
  FaultyConnection counting(*session_, 0, FaultyConnection::Fault::kAnswerLost, [] {});
  must(try_seal(counting));
  commit(2, 2);
  const auto shown = sealer_->checkpoint();
  FaultyConnection faulty(*victim, counting.statements() - 1, FaultyConnection::Fault::kAnswerLost, [] {});
  EXPECT_FALSE(try_seal(faulty));
  ASSERT_EQ(faulty.hit(), "COMMIT");
  EXPECT_EQ(sealer_->checkpoint(), shown) << "nobody knows yet";
  const SealingResult next = seal();
  EXPECT_EQ(next.did, Did::kNothing);
  EXPECT_EQ(next.size, 2U);
  EXPECT_THAT(log(), ElementsAre(1, 2));
}

TEST_F(SealerTest, TellsWhatIsWrongWithTheTables) {
  superuser("DROP TABLE audit_batches");
  const auto sealed = try_seal(*session_);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().sqlstate, "42P01");
  EXPECT_FALSE(session_->in_transaction());
}

}  // namespace
}  // namespace storagepool::evidence
