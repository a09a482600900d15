#include "pool/journal/open.h"

#include <fstream>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "pool/common/runtime/files.h"
#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::numbered_unit;
using testing::run;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class JournalOpenTest : public testing::JournalTest {
 protected:
  void put(const std::string& contents) const { std::ofstream(path(), std::ios::binary) << contents; }
  std::string contents(const std::string& file) const {
    return runtime::read_file(file, std::size_t{64} * 1024 * 1024).value();
  }
  // Behind the journal's back.
  void change(const char* sql) const {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &handle), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(handle);
  }
  std::string refusal() {
    auto opened = Journal::open(context_.get_executor(), options());
    return opened ? "opened" : opened.error();
  }
  // Expects that the file is kept as it was, and that the fresh journal works.
  void expect_nothing_saved(const std::string& before) {
    open();
    const Statistics statistics = journal_->statistics();
    EXPECT_EQ(statistics.salvages, 1);
    EXPECT_EQ(statistics.salvaged.units, 0);
    EXPECT_THAT(statistics.kept_as, StartsWith(path() + ".corrupt-2"));
    EXPECT_EQ(contents(statistics.kept_as), before);
    EXPECT_THAT(next(), IsEmpty());
    must_append(numbered_unit(9, 9));
    EXPECT_THAT(ids(), ElementsAre(id(9, 9)));
    reopen();
    EXPECT_EQ(journal_->statistics().salvages, 0);
    EXPECT_THAT(ids(), ElementsAre(id(9, 9)));
  }
  void fill(int units) {
    open();
    for (int i = 0; i < units; ++i) must_append(numbered_unit(1, i, 1, 10000));
    close();
  }
};

TEST_F(JournalOpenTest, KeepsAFileThatIsNoDatabase) {
  const std::string garbage(100000, '#');
  put(garbage);
  expect_nothing_saved(garbage);
}

TEST_F(JournalOpenTest, KeepsEveryCorruptDatabaseAndItsLog) {
  for (int i = 0; i < 2; ++i) {
    put("no database at all, but long enough for the header of one: " + std::string(1000, '0'));
    std::ofstream(path() + "-wal") << "log";
    open();
    EXPECT_TRUE(std::filesystem::exists(journal_->statistics().kept_as));
    EXPECT_EQ(contents(journal_->statistics().kept_as + "-wal"), "log");
    close();
  }
  EXPECT_EQ(files().size(), 5U);
}

// Killed in the middle of the log's new header: what lies behind is in the database, and of before.
TEST_F(JournalOpenTest, TakesNothingFromALogThatWasToBeginAnew) {
  open();
  for (int i = 0; i < 30; ++i) must_append(numbered_unit(1, i, 1, 700));
  journal_.reset();  // as a crash leaves it
  std::string log = contents(path() + "-wal");
  open();
  close();
  ++log.at(15);
  std::ofstream(path() + "-wal", std::ios::binary) << log;
  open();
  must_append(numbered_unit(1, 30));
  journal_.reset();
  open();
  EXPECT_EQ(journal_->statistics().salvages, 0);
  EXPECT_EQ(ids().size(), 31U);
}

TEST_F(JournalOpenTest, LeavesANewerVersionAlone) {
  fill(1);
  change("PRAGMA user_version = 3");
  const std::string before = contents(path());
  EXPECT_EQ(refusal(),
            "cannot open the journal " + path() +
                ": it was written by a newer version of this program (format 3, this one knows 2): run "
                "that version, or move the file away");
  EXPECT_EQ(contents(path()), before);
}

TEST_F(JournalOpenTest, LeavesDatabasesOfOthersAlone) {
  change("CREATE TABLE theirs (a)");
  const std::string before = contents(path());
  EXPECT_THAT(refusal(), HasSubstr("it is a database of another program"));
  EXPECT_EQ(contents(path()), before);
}

TEST_F(JournalOpenTest, TakesAnEmptyFile) {
  put("");
  open();
  EXPECT_EQ(journal_->statistics().kept_as, "");
  must_append(numbered_unit(1, 1));
}

TEST_F(JournalOpenTest, SaysWhyAPathCannotBeUsed) {
  auto opened = Journal::open(context_.get_executor(), {.path = folder_ / "absent/journal.db"});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("absent/journal.db: No such file or directory"));
  opened = Journal::open(context_.get_executor(), {.path = folder_.path().string()});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("not a regular file"));
}

TEST_F(JournalOpenTest, SaysThatAnotherProcessUsesIt) {
  open();
  EXPECT_EQ(refusal(), "cannot open the journal " + path() + ": it is in use by another process");
  must_append(numbered_unit(1, 1));
  EXPECT_THAT(files(), UnorderedElementsAre("journal.db", "journal.db-wal"));
}

TEST_F(JournalOpenTest, SetsAnEntryAsideThatCannotBeRead) {
  fill(3);
  change(
      "UPDATE waiting SET record = CAST(substr(record, 1, 500) || x'00' || substr(record, 502) AS BLOB)"
      " WHERE sequence = 2");
  open();
  EXPECT_THAT(ids(), ElementsAre(id(1, 0), id(1, 2)));
  const auto held = set_aside_units();
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].reason, "the checksum of the record is wrong");
  EXPECT_THAT(held[0].events, IsEmpty());
  EXPECT_GT(held[0].unreadable.size(), 10000U);
  EXPECT_EQ(journal_->statistics().waiting.units, 2);
}

TEST_F(JournalOpenTest, PassesOverEntriesThatCannotBeReadWhenThereIsNothingElse) {
  fill(3);
  change("UPDATE waiting SET record = x'00'");
  open();
  EXPECT_THAT(next(1, 1), IsEmpty());
  EXPECT_EQ(set_aside_units().size(), 3U);
}

TEST_F(JournalOpenTest, TakesASmallerBoundThanItHoldsAndWorksItsWayDown) {
  Options large = options();
  large.max_bytes = 2 * kMinBytes;
  open(large);
  for (int i = 0; i < 10; ++i) must_append(numbered_unit(1, i, 1, std::size_t{1024} * 1024));
  close();
  open();
  EXPECT_EQ(journal_->statistics().used, 1.0);
  EXPECT_EQ(append(numbered_unit(1, 10)).error().kind, Error::Kind::kFull);
  for (const Unit& unit : next()) remove({unit.sequence});
  must_append(numbered_unit(1, 10));
}

}  // namespace
}  // namespace storagepool::journal
