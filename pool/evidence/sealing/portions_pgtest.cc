// What one statement reads of a log, and how long others wait for the thread meanwhile.
#include "pool/evidence/sealing/portions.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using testing::FaultyConnection;

class PortionsTest : public testing::LogDatabaseTest {
 protected:
  void SetUp() override {
    LogDatabaseTest::SetUp();
    connection_.emplace(*session_, 0, FaultyConnection::Fault::kBefore, [] {});
  }
  // All of one transaction, of which only the first has its own MAC: what is looked at is the first, and an
  // alarm for each of the others.
  static void commit_so_many(std::int64_t batches) {
    const Batch one = testing::batch_of({0, 1}, 1);
    superuser("INSERT INTO audit_batches (batch, events, entries, mac) SELECT i, 1, '\\x" +
              encoding::encode_hex(one.entries) + "', '\\x" + encoding::encode_hex(one.mac) +
              "' FROM generate_series(1, " + std::to_string(batches) + ") AS i");
  }
  Sealed seal_from_the_beginning(Bound bound) {
    const std::vector<Keys> keys{make_keys(testing::kSeed)};
    LogMacs macs(keys);
    tlog::Hasher hasher;
    Portions portions(*connection_, deadline(), macs, hasher, ticking_);
    const LogState state = testing::state_of({});
    auto first = must(postgres::testing::run(context_, portions.read(state, bound)));
    return must(postgres::testing::run(context_, portions.seal(state, std::move(first), bound))).sealed;
  }

  testing::TickingClock<testing::HandClock> ticking_;
  std::optional<FaultyConnection> connection_;  // that has none
};

TEST_F(PortionsTest, AStatementReadsSoManyBatches) {
  constexpr std::int64_t kBatches = 2 * kMaxReadBatches + 100;
  commit_so_many(kBatches);
  const Sealed sealed = seal_from_the_beginning(Bound::kCut);
  EXPECT_EQ(connection_->statements(), 3);
  EXPECT_EQ(sealed.alarms.size(), static_cast<std::size_t>(kBatches - 1));
  EXPECT_EQ(sealed.state.last.batch, kBatches);
}

TEST_F(PortionsTest, AStatementReadsSoManyBytes) {
  constexpr std::int64_t kEvents = kMaxReadBytes * 2 / 3 / std::int64_t{kEntryBytes};
  for (std::int64_t batch = 1; batch <= 5; ++batch)
    commit(batch, static_cast<std::uint64_t>(batch * kEvents), kEvents);
  const Sealed sealed = seal_from_the_beginning(Bound::kCut);
  EXPECT_EQ(connection_->statements(), 3) << "two each, and the last";
  EXPECT_EQ(sealed.batches.size(), 5U);
}

TEST_F(PortionsTest, OthersHaveTheThreadAfterEachSlice) {
  constexpr std::int64_t kBatches = kMaxReadBatches + 50;
  commit_so_many(kBatches);
  Sealed sealed;
  const int turns = testing::turns_of_others(context_, *connection_,
                                             [&] { sealed = seal_from_the_beginning(Bound::kCut); });
  EXPECT_GE(turns, kBatches);
  EXPECT_EQ(sealed.alarms.size(), static_cast<std::size_t>(kBatches - 1));
}

TEST_F(PortionsTest, AFenceBehindWhichWritersWaitIsReadAndSealedAtOnce) {
  constexpr std::int64_t kBatches = kMaxReadBatches + 50;
  commit_so_many(kBatches);
  Sealed sealed;
  const int turns = testing::turns_of_others(context_, *connection_,
                                             [&] { sealed = seal_from_the_beginning(Bound::kFence); });
  EXPECT_EQ(connection_->statements(), 1);
  EXPECT_LT(turns, 10);
  EXPECT_EQ(sealed.alarms.size(), static_cast<std::size_t>(kBatches - 1));
}

}  // namespace
}  // namespace storagepool::evidence
