#include "pool/service/log/log_book.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogBookTest : public ::testing::Test {
 protected:
  std::vector<std::string> due() const {
    std::vector<std::string> databases;
    for (const auto& log : book_.due(now_)) databases.push_back(log->database);
    return databases;
  }
  void write(const std::string& database) {
    book_.wrote(*book_.of(database), {.batch = ++batch_, .events = 1}, now_);
  }
  // As a look at it goes that finds everything sealed.
  void look(const std::string& database, const std::string& incarnation = "1") {
    const auto log = book_.of(database);
    book_.is_of(*log, incarnation);
    log->looked_at = log->since = now_;
    log->wrote = false;
    if (!log->audit) return;
    for (const std::int64_t id : log->audit->wanted()) log->audit->looked({{id, {.sealed = 1}}}, now_);
    book_.audited(*log);
  }

  LogBook book_{3};
  LogBook::TimePoint now_{1h};
  std::int64_t batch_ = 0;
};

TEST_F(LogBookTest, WhatIsWrittenFirstIsLookedAtAtOnceWithAConnectionOfItsOwn) {
  EXPECT_THAT(due(), IsEmpty());
  write("a");
  EXPECT_FALSE(LogBook::may_look(*book_.find("a"), now_)) << "whose it is was not asked yet";
  EXPECT_THAT(due(), ElementsAre("a"));
  EXPECT_EQ(book_.waiting(), 1U);
}

TEST_F(LogBookTest, WhereNothingIsWrittenNothingIsLookedAt) {
  write("a");
  look("a");
  now_ += 24h;
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_FALSE(LogBook::may_look(*book_.find("a"), now_));
  EXPECT_EQ(book_.waiting(), 0U);
}

TEST_F(LogBookTest, ConnectionsThatAreThereAreUsedFromTimeToTime) {
  write("a");
  look("a");
  write("a");
  EXPECT_FALSE(LogBook::may_look(*book_.find("a"), now_ + LogBook::kOnLease - 1ms));
  EXPECT_TRUE(LogBook::may_look(*book_.find("a"), now_ + LogBook::kOnLease));
  book_.find("a")->at_work = true;
  EXPECT_FALSE(LogBook::may_look(*book_.find("a"), now_ + LogBook::kOnLease));
}

TEST_F(LogBookTest, WhereThereIsNoneOneIsGotWithinAMinute) {
  write("a");
  look("a");
  now_ += 24h;
  write("a");
  now_ += LogBook::kOtherwise - 1ms;
  write("a");
  EXPECT_THAT(due(), IsEmpty());
  now_ += 1ms;
  EXPECT_THAT(due(), ElementsAre("a"));
  book_.find("a")->at_work = true;
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(LogBookTest, ARefusedLogIsLookedAtRarely) {
  write("a");
  look("a");
  book_.find("a")->refused = true;
  write("a");
  now_ += LogBook::kRefused - 1ms;
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_FALSE(LogBook::may_look(*book_.find("a"), now_));
  now_ += 1ms;
  EXPECT_THAT(due(), ElementsAre("a"));
}

TEST_F(LogBookTest, WhileNobodySaysWhoseItIsItIsTriedAgainSoon) {
  write("a");
  const auto log = book_.find("a");
  log->looked_at = log->since = now_;
  EXPECT_THAT(due(), IsEmpty());
  now_ += LogBook::kUnknown;
  EXPECT_THAT(due(), ElementsAre("a"));
}

TEST_F(LogBookTest, OfAWorkspaceThatIsMadeAnewNothingIsRemembered) {
  write("a");
  look("a");
  const auto log = book_.find("a");
  log->memory.publishing.show({.size = 7});
  log->alarm = "one";
  log->floor = evidence::Floor{.size = 7};
  log->floor_known = true;
  write("a");
  book_.is_of(*log, "1");
  EXPECT_TRUE(log->memory.publishing.shown());
  EXPECT_TRUE(log->audit);
  EXPECT_TRUE(log->floor && log->floor_known);
  book_.is_of(*log, "2");
  EXPECT_FALSE(log->memory.publishing.shown());
  EXPECT_FALSE(log->audit);
  EXPECT_FALSE(log->floor || log->floor_known) << "it has one of its own";
  EXPECT_EQ(log->alarm, "");
  EXPECT_EQ(book_.unchecked(), 1U);
}

TEST_F(LogBookTest, KeepsThoseThatWereUsedLast) {
  for (const char* database : {"a", "b", "c"}) write(database);
  const auto kept_by_another = book_.find("b");
  book_.of("a");
  write("d");
  EXPECT_EQ(book_.size(), 3U);
  EXPECT_FALSE(book_.find("b"));
  EXPECT_EQ(kept_by_another->database, "b");
  EXPECT_EQ(book_.unchecked(), 1U) << "of b";
  EXPECT_THAT(due(), ElementsAre("d", "a", "c"));
  book_.forget("d");
  EXPECT_FALSE(book_.find("d"));
}

TEST_F(LogBookTest, TellsWhatHasGrown) {
  for (const char* database : {"a", "b", "c"}) book_.of(database)->grown = true;
  for (const char* database : {"a", "c"}) book_.of(database)->memory.publishing.show({.size = 1});
  EXPECT_EQ(book_.grown(9).size(), 2U);
  EXPECT_EQ(book_.grown(1).size(), 1U);
  book_.of("a")->grown = false;
  ASSERT_EQ(book_.grown(9).size(), 1U);
  EXPECT_EQ(book_.grown(9)[0]->database, "c");
}

TEST_F(LogBookTest, ChecksSoManyBatchesAtOnceAndNoMore) {
  for (std::size_t i = 0; i < evidence::SelfAudit::kMaxWaiting; ++i) write(i % 2 == 0 ? "a" : "b");
  EXPECT_EQ(book_.unchecked(), 0U);
  write("c");
  EXPECT_EQ(book_.unchecked(), 1U);
  EXPECT_FALSE(book_.find("c")->audit);
  look("a");
  write("c");
  EXPECT_EQ(book_.unchecked(), 1U);
  EXPECT_TRUE(book_.find("c")->audit);
}

}  // namespace
}  // namespace storagepool::service
