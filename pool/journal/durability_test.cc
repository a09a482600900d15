// A journal whose disk cannot take anything, now or for a while.
#include <fstream>

#include <gmock/gmock.h>

#include "pool/journal/testing/faulty_vfs.h"
#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::in;
using testing::numbered_unit;
using testing::run;

class JournalDurabilityTest : public testing::JournalTest {
 protected:
  ~JournalDurabilityTest() override { journal_.reset(); }

  void start(const std::string& path) {
    Options eager = options();
    eager.path = path;
    eager.first_retry = 1ms;
    eager.longest_retry = 4ms;
    journal_ = Journal::start(context_.get_executor(), eager);
  }
  bool becomes_durable() {
    return run_until([&] { return journal_->statistics().durable; });
  }
  void expect_refusal(const std::string& reason) {
    const auto refused = append(numbered_unit(1, 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, Error::Kind::kFailed);
    EXPECT_THAT(refused.error().detail, HasSubstr(reason));
    EXPECT_FALSE(journal_->statistics().durable);
    EXPECT_THAT(journal_->statistics().not_durable_because, HasSubstr(reason));
    EXPECT_GE(journal_->statistics().failures, 1);
  }

  testing::FaultyVfs disk_;
};

TEST_F(JournalDurabilityTest, StartsWithoutItsFolderAndWorksOnceThatIsThere) {
  start(folder_ / "absent/journal.db");
  expect_refusal("absent/journal.db: No such file or directory");
  EXPECT_FALSE(run(context_, journal_->waiting()));
  std::filesystem::create_directory(folder_ / "absent");
  ASSERT_TRUE(becomes_durable());
  EXPECT_EQ(journal_->statistics().not_durable_because, "");
  must_append(numbered_unit(1, 2));
  EXPECT_THAT(ids(), ElementsAre(id(1, 2)));
}

TEST_F(JournalDurabilityTest, StartsOnAFullDiskAndWorksOnceThereIsSpace) {
  for (const std::int64_t space : {0, 4096, 40000, 400000}) {
    SCOPED_TRACE(space);
    const std::string path = folder_ / (std::to_string(space) + ".db");
    disk_.leave_space(space);
    start(path);
    expect_refusal("cannot open the journal " + path + ": ");
    EXPECT_THAT(journal_->statistics().not_durable_because,
                AnyOf(HasSubstr("disk is full"), HasSubstr("No space left on device")));
    disk_.unlimited_space();
    ASSERT_TRUE(becomes_durable());
    must_append(numbered_unit(1, 2));
    EXPECT_THAT(ids(), ElementsAre(id(1, 2)));
  }
}

TEST_F(JournalDurabilityTest, FindsOutByItselfThatTheDiskWorksAgain) {
  start(path());
  must_append(numbered_unit(1, 1));
  EXPECT_TRUE(journal_->statistics().durable);
  disk_.fail_syncs(true);
  expect_refusal("the journal " + path() + ": disk I/O error");
  const auto failures = journal_->statistics().failures;
  ASSERT_TRUE(run_until([&] { return journal_->statistics().failures > failures + 2; }));
  EXPECT_FALSE(journal_->statistics().durable);
  disk_.fail_syncs(false);
  ASSERT_TRUE(becomes_durable());
  EXPECT_THAT(ids(), ElementsAre(id(1, 1)));
}

TEST_F(JournalDurabilityTest, WaitsForTheProcessThatUsesTheFile) {
  auto other = Journal::open(context_.get_executor(), options()).value();
  ASSERT_TRUE(run(context_, other->append(Origin(), numbered_unit(1, 1), in(20s))));
  start(path());
  expect_refusal("it is in use by another process");
  ASSERT_TRUE(run(context_, other->close(in(20s))));
  other.reset();
  ASSERT_TRUE(becomes_durable());
  EXPECT_THAT(ids(), ElementsAre(id(1, 1)));
}

TEST_F(JournalDurabilityTest, ClosesCleanlyWhatCouldNotBeOpened) {
  start(folder_ / "absent/journal.db");
  expect_refusal("No such file");
  EXPECT_TRUE(run(context_, journal_->close(in(20s))));
  EXPECT_FALSE(append(numbered_unit(1, 1)));
}

TEST_F(JournalDurabilityTest, SalvagesOnceThereIsRoom) {
  start(path());
  for (int i = 0; i < 20; ++i) must_append(numbered_unit(1, i, 1, 9000));
  close();
  std::fstream(path(), std::ios::binary | std::ios::in | std::ios::out) << std::string(4096, '#');
  disk_.leave_space(100000);
  start(path());
  // Made or written: where it ends is up to what the attempt before left of the space.
  expect_refusal("it is damaged (file is not a database); ");
  EXPECT_THAT(journal_->statistics().not_durable_because,
              AllOf(HasSubstr("new database cannot be "), HasSubstr("database or disk is full")));
  disk_.unlimited_space();
  ASSERT_TRUE(becomes_durable());
  EXPECT_EQ(journal_->statistics().salvages, 1);
  EXPECT_EQ(ids().size(), 20U);
}

}  // namespace
}  // namespace storagepool::journal
