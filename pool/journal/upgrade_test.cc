// Journals of format 1, as earlier releases have left them on their volumes.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include "pool/journal/record.h"
#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using ::testing::ElementsAre;
using testing::numbered_unit;
using testing::run;

class JournalUpgradeTest : public testing::JournalTest {
 protected:
  void execute(const std::string& sql, const std::string& record = "") const {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &handle), SQLITE_OK);
    sqlite3_stmt* statement = nullptr;
    for (const char* rest = sql.c_str(); *rest != '\0';) {
      ASSERT_EQ(sqlite3_prepare_v2(handle, rest, -1, &statement, &rest), SQLITE_OK) << sqlite3_errmsg(handle);
      if (sqlite3_bind_parameter_count(statement) > 0) {
        sqlite3_bind_blob(statement, 1, record.data(), static_cast<int>(record.size()), SQLITE_STATIC);
      }
      int status = SQLITE_ROW;
      while (status == SQLITE_ROW) status = sqlite3_step(statement);
      EXPECT_EQ(status, SQLITE_DONE) << sqlite3_errmsg(handle);
      sqlite3_finalize(statement);
    }
    sqlite3_close(handle);
  }
  // What release 0.1 makes.
  void make_first_format() const {
    execute(
        "PRAGMA journal_mode = WAL;"
        "CREATE TABLE entries (sequence INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL,"
        " appended_at INTEGER NOT NULL, events INTEGER NOT NULL, record BLOB NOT NULL);"
        "CREATE TABLE poison (sequence INTEGER PRIMARY KEY, workspace TEXT NOT NULL, appended_at INTEGER NOT"
        " NULL, set_aside_at INTEGER NOT NULL, reason TEXT NOT NULL, events INTEGER NOT NULL, record BLOB NOT"
        " NULL);"
        "PRAGMA application_id = 1397770828; PRAGMA user_version = 1");
  }
  void put_entry(std::int64_t sequence, const std::string& workspace, int number) const {
    execute("INSERT INTO entries VALUES (" + std::to_string(sequence) + ", '" + workspace + "', 1000000" +
                std::to_string(sequence) + ", 2, ?1)",
            encode_unit(numbered_unit(1, number, 2, 6000)));
  }
};

TEST_F(JournalUpgradeTest, KeepsWhatWaitsAndWhatIsSetAside) {
  make_first_format();
  put_entry(4, "ws", 1);
  put_entry(5, "", 2);
  execute("INSERT INTO poison VALUES (3, 'ws', 10, 20, 'refused', 1, ?1)", encode_unit(numbered_unit(1, 3)));
  for (const bool reopened : {false, true}) {
    if (reopened) {
      reopen();
    } else {
      open();
    }
    EXPECT_EQ(journal_->statistics().salvages, 0);
    const auto units = next();
    ASSERT_EQ(units.size(), 2U);
    EXPECT_EQ(units[0].sequence, 4);
    EXPECT_EQ(units[0].workspace, "ws");
    EXPECT_EQ(units[0].incarnation, "");
    EXPECT_EQ(units[0].appended_at.time_since_epoch().count(), 10000004);
    EXPECT_EQ(units[0].events, numbered_unit(1, 1, 2, 6000));
    EXPECT_EQ(units[1].events, numbered_unit(1, 2, 2, 6000));
    const auto held = set_aside_units();
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].reason, "refused");
    EXPECT_EQ(held[0].set_aside_at->time_since_epoch().count(), 20);
    EXPECT_EQ(held[0].events, numbered_unit(1, 3));
    const Statistics statistics = journal_->statistics();
    EXPECT_EQ(statistics.waiting.events, 4);
    EXPECT_EQ(statistics.waiting.bytes,
              static_cast<std::int64_t>(2 * encode_unit(numbered_unit(1, 1, 2, 6000)).size()));
    EXPECT_EQ(statistics.aside.bytes, static_cast<std::int64_t>(encode_unit(numbered_unit(1, 3)).size()));
  }
}

TEST_F(JournalUpgradeTest, WorksOnWithOldAndNewUnits) {
  make_first_format();
  for (int i = 1; i <= 3; ++i) put_entry(i, "ws", i);
  open();
  must_append(numbered_unit(1, 4), "ws", "incarnation");
  EXPECT_THAT(ids(), ElementsAre(id(1, 1), id(1, 2), id(1, 3), id(1, 4)));
  EXPECT_EQ(next().back().sequence, 4);
  set_aside({2}, "reason");
  remove({1});
  EXPECT_THAT(ids(), ElementsAre(id(1, 3), id(1, 4)));
  EXPECT_EQ(must(run(context_, journal_->put_back({2}))).events, 2);
  reopen();
  EXPECT_THAT(ids(), ElementsAre(id(1, 2), id(1, 3), id(1, 4)));
  remove({2, 3, 4});
  EXPECT_EQ(journal_->statistics().waiting.bytes, 0);
  reopen();
  EXPECT_EQ(journal_->statistics().waiting.units, 0);
}

TEST_F(JournalUpgradeTest, TakesAnEmptyOne) {
  make_first_format();
  open();
  must_append(numbered_unit(1, 1));
  EXPECT_EQ(next().at(0).sequence, 1);
}

}  // namespace
}  // namespace storagepool::journal
