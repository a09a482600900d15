// The journal on a disk that fails.
#include <cerrno>
#include <optional>

#include <gmock/gmock.h>

#include "pool/journal/testing/faulty_vfs.h"
#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::in;
using ::testing::IsEmpty;
using testing::numbered_unit;
using testing::run;

class JournalFaultsTest : public testing::JournalTest {
 protected:
  // The journal goes before the disk does.
  ~JournalFaultsTest() override { journal_.reset(); }

  struct Appending {
    std::optional<tl::expected<void, Error>> outcome;
  };
  void begin_append(std::vector<event::Event> unit, std::chrono::milliseconds time, Appending& appending) {
    boost::asio::co_spawn(context_, journal_->append(Origin(), std::move(unit), in(time)),
                          [&](const std::exception_ptr& thrown, tl::expected<void, Error> outcome) {
                            if (!thrown) appending.outcome = std::move(outcome);
                          });
  }

  testing::FaultyVfs disk_;
};

TEST_F(JournalFaultsTest, AcknowledgesOnlyWhatIsSynced) {
  open();
  for (int i = 0; i < 50; ++i) {
    const auto syncs = disk_.syncs();
    must_append(numbered_unit(1, i, 1, 3000));
    // Of the database a checkpoint may be at work on.
    EXPECT_GT(disk_.syncs(), syncs);
  }
  disk_.hold_syncs(true);
  Appending appending;
  begin_append(numbered_unit(1, 50), 20s, appending);
  ASSERT_TRUE(run_until([&] { return disk_.unsynced(); }));
  EXPECT_FALSE(appending.outcome);
  disk_.hold_syncs(false);
  ASSERT_TRUE(run_until([&] { return appending.outcome.has_value(); }));
  EXPECT_TRUE(*appending.outcome);
}

TEST_F(JournalFaultsTest, DoesNotAcknowledgeWhatCannotBeSynced) {
  open();
  must_append(numbered_unit(1, 1));
  disk_.fail_syncs(true);
  const auto refused = append(numbered_unit(1, 2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kFailed);
  EXPECT_THAT(refused.error().detail,
              HasSubstr("cannot append to the journal " + path() + ": disk I/O error"));
  EXPECT_EQ(journal_->statistics().failures, 1);
  EXPECT_EQ(journal_->statistics().last_failure, refused.error().detail);
  EXPECT_EQ(journal_->statistics().waiting.units, 1);
  disk_.fail_syncs(false);
  must_append(numbered_unit(1, 3));
  EXPECT_EQ(journal_->statistics().last_failure, "");
  EXPECT_THAT(ids(), ElementsAre(id(1, 1), id(1, 3)));
  reopen();
  EXPECT_THAT(ids(), ElementsAre(id(1, 1), id(1, 3)));
}

TEST_F(JournalFaultsTest, SaysThatTheFileSystemIsReadOnlyNow) {
  open();
  disk_.fail_writes(EROFS);
  EXPECT_THAT(append(numbered_unit(1, 1)).error().detail, HasSubstr("(Read-only file system)"));
  EXPECT_THAT(journal_->statistics().not_durable_because, HasSubstr("(Read-only file system)"));
  disk_.fail_writes(0);
  must_append(numbered_unit(1, 2));
}

TEST_F(JournalFaultsTest, SaysThatItIsOpenedWhereNothingCanBeWritten) {
  open();
  journal_.reset();
  disk_.open_read_only(true);
  EXPECT_THAT(Journal::open(context_.get_executor(), options()).error(),
              HasSubstr("journal.db: it cannot be written"));
}

TEST_F(JournalFaultsTest, ARemovalThatFailsRemovesNothing) {
  open();
  must_append(numbered_unit(1, 1));
  const auto sequence = next().at(0).sequence;
  disk_.fail_syncs(true);
  const auto refused = run(context_, journal_->remove({sequence}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kFailed);
  EXPECT_FALSE(run(context_, journal_->set_aside({sequence}, "reason")));
  disk_.fail_syncs(false);
  EXPECT_THAT(ids(), ElementsAre(id(1, 1)));
  EXPECT_EQ(journal_->statistics().waiting.units, 1);
  EXPECT_EQ(journal_->statistics().replayed.units, 0);
  EXPECT_THAT(set_aside_units(), IsEmpty());
  remove({sequence});
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_F(JournalFaultsTest, SurvivesAFullDiskAndGoesOnWhenThereIsSpace) {
  open();
  disk_.leave_space(300000);
  std::vector<std::string> kept;
  std::vector<std::string> refused;
  for (int i = 0; refused.size() < 5; ++i) {
    ASSERT_LT(i, 1000);
    const auto outcome = append(numbered_unit(1, i, 1, 20000));
    (outcome ? kept : refused).push_back(id(1, i));
    if (outcome) continue;
    EXPECT_EQ(outcome.error().kind, Error::Kind::kFailed);
    EXPECT_THAT(outcome.error().detail, HasSubstr("database or disk is full"));
  }
  EXPECT_GT(kept.size(), 3U);
  EXPECT_THAT(ids(), ElementsAreArray(kept));
  EXPECT_THAT(journal_->statistics().last_failure, HasSubstr("full"));

  disk_.unlimited_space();
  for (int i = 2000; i < 2200; ++i) {
    must_append(numbered_unit(1, i, 1, 20000));
    kept.push_back(id(1, i));
  }
  EXPECT_EQ(journal_->statistics().last_failure, "");
  EXPECT_THAT(ids(), ElementsAreArray(kept));
  reopen();
  EXPECT_THAT(ids(), ElementsAreArray(kept));
}

TEST_F(JournalFaultsTest, FindsWhatItAcknowledgedWhenItIsOpenedAfterAFullDisk) {
  open();
  disk_.leave_space(300000);
  std::vector<std::string> kept;
  for (int i = 0; append(numbered_unit(1, i, 1, 20000)); ++i) kept.push_back(id(1, i));
  journal_.reset();
  disk_.unlimited_space();
  open();
  EXPECT_EQ(journal_->statistics().salvages, 0);
  EXPECT_THAT(ids(), ElementsAreArray(kept));
}

TEST_F(JournalFaultsTest, ReplayMakesRoomOnAFullDisk) {
  open();
  disk_.leave_space(2000000);
  int kept = 0;
  while (append(numbered_unit(1, kept, 1, 20000))) ++kept;
  ASSERT_GT(kept, 10);
  // The log has its space already.
  for (const Unit& unit : next()) {
    const auto removed = run(context_, journal_->remove({unit.sequence}));
    ASSERT_TRUE(removed) << removed.error().detail;
  }
  must_append(numbered_unit(2, 1, 1, 20000));
  EXPECT_THAT(ids(), ElementsAre(id(2, 1)));
}

TEST_F(JournalFaultsTest, ADatabaseThatCannotBeReadNowIsNotTakenForCorrupt) {
  open();
  must_append(numbered_unit(1, 1));
  close();
  disk_.fail_reads(true);
  const auto opened = Journal::open(context_.get_executor(), options());
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("cannot open the journal " + path() + ": disk I/O error"));
  disk_.fail_reads(false);
  EXPECT_THAT(files(), ElementsAre("journal.db"));
  open();
  EXPECT_THAT(ids(), ElementsAre(id(1, 1)));
}

TEST_F(JournalFaultsTest, ADiskThatHangsCostsACallerNoMoreThanItsDeadline) {
  Options small = options();
  small.max_queued_bytes = 100000;
  open(small);
  disk_.hold_syncs(true);
  Appending under_way;
  begin_append(numbered_unit(1, 1), 20s, under_way);
  ASSERT_TRUE(run_until([&] { return disk_.unsynced(); }));

  Appending late;
  begin_append(numbered_unit(1, 2), 1ms, late);
  ASSERT_TRUE(run_until([&] { return late.outcome.has_value(); }));
  ASSERT_FALSE(*late.outcome);
  EXPECT_EQ(late.outcome->error().kind, Error::Kind::kFailed);
  EXPECT_THAT(late.outcome->error().detail, HasSubstr("did not answer in time"));

  Appending fits;
  begin_append(numbered_unit(1, 3, 1, 60000), 20s, fits);
  Appending beyond;
  begin_append(numbered_unit(1, 4, 1, 60000), 20s, beyond);
  ASSERT_TRUE(run_until([&] { return beyond.outcome.has_value(); }));
  ASSERT_FALSE(*beyond.outcome);
  EXPECT_EQ(beyond.outcome->error().kind, Error::Kind::kFull);
  EXPECT_FALSE(fits.outcome);

  disk_.hold_syncs(false);
  ASSERT_TRUE(run_until([&] { return fits.outcome.has_value() && under_way.outcome.has_value(); }));
  EXPECT_TRUE(*fits.outcome);
  EXPECT_TRUE(*under_way.outcome);
  // Nobody waited any more for the second when its turn came.
  EXPECT_THAT(ids(), ElementsAre(id(1, 1), id(1, 3)));
}

TEST_F(JournalFaultsTest, ALogThatCannotBeCopiedDoesNotGrowWithoutBound) {
  open();
  disk_.leave_space(kMinBytes);
  std::int64_t largest = 0;
  int kept = 0;
  // The database may not grow, and its log holds a checkpoint's worth.
  while (append(numbered_unit(1, kept, 1, 20000))) {
    ++kept;
    if (kept == 5) disk_.leave_space(3000000);
    largest = std::max(largest, journal_->statistics().disk_bytes);
    ASSERT_LT(kept, 1000);
  }
  EXPECT_LE(largest, kMinBytes);
  EXPECT_EQ(ids().size(), static_cast<std::size_t>(kept));
}

}  // namespace
}  // namespace storagepool::journal
