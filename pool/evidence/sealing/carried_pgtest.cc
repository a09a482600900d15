// A log whose database PostgreSQL's own programs carry to another server, or whose transaction ids they set
// anew: pg_upgrade, pg_resetwal, pg_dump. A pod that then starts, and was told what was shown of the log,
// goes on with all that was stored.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/evidence/sealing/testing/log_database.h"
#include "pool/postgres/testing/process.h"

namespace storagepool::evidence {
namespace {

using postgres::testing::Server;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kHigh = "--next-transaction-id=0x100000";  // the first of a segment of pg_xact

class CarriedLogTest : public testing::LogDatabaseTest {
 protected:
  static void SetUpTestSuite() {}
  void SetUp() override {
    server_ = std::make_unique<Server>();
    LogDatabaseTest::SetUp();
  }

  static std::uint64_t next_id() {
    return std::stoull(value("SELECT pg_snapshot_xmax(pg_current_snapshot())"));
  }
  bool reset_wal(const std::vector<std::string>& options) {
    session_.reset();
    const bool done = server_->reset_wal(options);
    session_ = open();
    return done;
  }
  // Another pod, which knows what the operator keeps of the log.
  void start_pod() {
    const auto shown = tlog::Checkpoint::read(sealer_->checkpoint()->text);
    session_ = open();
    sealer_ = make_sealer();
    sealer_->raise_floor({shown->size, shown->root});
  }
  // Three that are in the log, one that is not yet.
  void write_four() {
    for (int i = 1; i <= 3; ++i) commit(i, static_cast<std::uint64_t>(i));
    seal();
    commit(4, 4);
  }
  // Writers come before anybody seals.
  void goes_on(const std::vector<Kind>& alarms, const std::string& incarnation) {
    start_pod();
    commit(5, 5);
    EXPECT_EQ(kinds_of(seal_all()), alarms);
    commit(6, 6);
    EXPECT_THAT(seal_all().alarms, IsEmpty());
    EXPECT_THAT(log(), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_TRUE(sealer_->floor_proven());
    EXPECT_EQ(value("SELECT incarnation FROM audit_log"), incarnation);
  }
};

TEST_F(CarriedLogTest, AfterPgUpgradeItGoesOnAsIfNothingHadHappened) {
  write_four();
  session_.reset();
  auto newer = Server::upgraded(*server_);
  if (!newer) GTEST_SKIP() << "the machine's pg_upgrade leads to PostgreSQL 15";
  server_ = std::move(newer);
  goes_on({}, "1");
}

TEST_F(CarriedLogTest, WhereIdsAreSetHigherItGoesOn) {
  write_four();
  if (!reset_wal({kHigh})) GTEST_SKIP() << "the machine's pg_resetwal is that of PostgreSQL 15";
  EXPECT_GE(next_id(), 0x100000U);
  goes_on({}, "1");
}

TEST_F(CarriedLogTest, WhereTheEpochOfIdsIsSetBackItGoesOn) {
  if (!reset_wal({"--epoch=7"})) GTEST_SKIP() << "the machine's pg_resetwal is that of PostgreSQL 15";
  write_four();
  EXPECT_GE(next_id(), std::uint64_t{7} << 32);
  reset_wal({"--epoch=0"});
  EXPECT_LT(next_id(), std::uint64_t{1} << 32);
  goes_on({Kind::kNewIncarnation}, "2");
}

// Rows of ids that are not yet to come are seen where they are frozen.
TEST_F(CarriedLogTest, WhereIdsOfFrozenRowsAreSetBackItGoesOn) {
  write_four();
  superuser("VACUUM (FREEZE)");
  if (!reset_wal({"--next-transaction-id=" + std::to_string(next_id() - 40)}))
    GTEST_SKIP() << "the machine's pg_resetwal is that of PostgreSQL 15";
  goes_on({Kind::kNewIncarnation}, "2");
}

TEST_F(CarriedLogTest, WhereIdsOfItsRowsAreSetBackNothingIsSigned) {
  superuser("VACUUM (FREEZE)");
  const std::uint64_t before = next_id();
  write_four();
  if (!reset_wal({"--next-transaction-id=" + std::to_string(before)}))
    GTEST_SKIP() << "the machine's pg_resetwal is that of PostgreSQL 15";
  start_pod();
  const SealingResult refused = seal();
  EXPECT_EQ(refused.did, Did::kRefused);
  EXPECT_THAT(kinds_of(refused), ElementsAre(Kind::kLogRolledBack));
  // Nor where nobody has shown it: its seals are there, for an index, and no statement sees them.
  sealer_ = make_sealer();
  commit(5, 5);
  const SealingResult unseen = seal();
  EXPECT_EQ(unseen.did, Did::kRefused);
  EXPECT_THAT(kinds_of(unseen), ElementsAre(Kind::kSealsDisagree));
  EXPECT_FALSE(sealer_->checkpoint() && tlog::Checkpoint::read(sealer_->checkpoint()->text)->size > 0);
}

class DumpedLogTest : public CarriedLogTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(DumpedLogTest, IsSealedOnWhereItIsRestored) {
  namespace fs = std::filesystem;
  const runtime::testing::TemporaryFolder folder;
  const auto with = [&](std::vector<std::string> program, const Server& server) {
    const auto options = server.connect_options();
    for (const std::string& one :
         {"--host=" + options.host, "--port=" + std::to_string(options.port), "--username=" + options.user})
      program.push_back(one);
    program.push_back("audit");
    postgres::testing::run_program(program, folder.path() / "log");
  };
  if (value("SHOW server_version_num") >= "160000")
    GTEST_SKIP() << "the machine's pg_dump is of PostgreSQL 15";
  auto other = std::make_unique<Server>();
  const std::string ids = GetParam();
  const bool set = ids == "Lower" ? reset_wal({kHigh}) : ids != "Higher" || other->reset_wal({kHigh});
  if (!set) GTEST_SKIP() << "the machine's pg_resetwal is that of PostgreSQL 15";
  write_four();
  const std::string file = (folder.path() / "dump").string();
  other->superuser("ALTER SCHEMA public OWNER TO app", "audit");
  with({"pg_dump", "--no-owner", "--file=" + file}, *server_);
  with({"psql", "--quiet", "--set=ON_ERROR_STOP=1", "--file=" + file}, *other);
  session_.reset();
  server_ = std::move(other);
  goes_on({Kind::kNewIncarnation}, "2");
}

INSTANTIATE_TEST_SUITE_P(Ids, DumpedLogTest, ::testing::Values("Alike", "Lower", "Higher"),
                         [](const auto& ids) { return std::string(ids.param); });

}  // namespace
}  // namespace storagepool::evidence
