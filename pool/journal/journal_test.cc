#include "pool/journal/journal.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "pool/journal/testing/journal_fixture.h"

namespace storagepool::journal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::in;
using ::testing::IsEmpty;
using testing::JournalTest;
using testing::numbered_unit;
using testing::run;

constexpr std::size_t kMiB = std::size_t{1024} * 1024;

TEST_F(JournalTest, GivesBackUnitsInOrderAsTheyWere) {
  open();
  const auto first = numbered_unit(1, 1, 3, 100000);
  const auto second = numbered_unit(1, 2);
  must_append(first);
  must_append(second, "ws");
  for (const bool reopened : {false, true}) {
    if (reopened) reopen();
    const auto units = next();
    ASSERT_EQ(units.size(), 2U);
    EXPECT_EQ(units[0].events, first);
    EXPECT_EQ(units[0].workspace, "");
    EXPECT_EQ(units[1].events, second);
    EXPECT_EQ(units[1].workspace, "ws");
    EXPECT_LT(units[0].sequence, units[1].sequence);
  }
}

TEST_F(JournalTest, GivesAsManyEntriesAsFitAndAtLeastOne) {
  open();
  for (int i = 0; i < 5; ++i) must_append(numbered_unit(1, i, 10, 1000));
  EXPECT_EQ(next(1, 1).size(), 1U);
  EXPECT_EQ(next(30, kMiB).size(), 3U);
  EXPECT_EQ(next(39, kMiB).size(), 3U);
  EXPECT_EQ(next(1000, 30000).size(), 2U);
  EXPECT_EQ(next(1000, kMiB).size(), 5U);
}

TEST_F(JournalTest, NeverUsesASequenceTwice) {
  open();
  must_append(numbered_unit(1, 1));
  const auto first = next().at(0).sequence;
  remove({first});
  EXPECT_THAT(next(), IsEmpty());
  reopen();
  must_append(numbered_unit(1, 2));
  EXPECT_GT(next().at(0).sequence, first);
  remove({first, 12345});
  EXPECT_EQ(next().size(), 1U);
}

TEST_F(JournalTest, CommitsAppendsTogetherThatWaitTogether) {
  open();
  constexpr int kUnits = 400;
  int kept = 0;
  for (int i = 0; i < kUnits; ++i) {
    boost::asio::co_spawn(context_, journal_->append(Origin(), numbered_unit(1, i), in(20s)),
                          [&](const std::exception_ptr& thrown, const tl::expected<void, Error>& outcome) {
                            if (!thrown && outcome) ++kept;
                          });
  }
  ASSERT_TRUE(run_until([&] { return kept == kUnits; }));
  const auto statistics = journal_->statistics();
  EXPECT_EQ(statistics.appended.units, kUnits);
  EXPECT_LT(statistics.commits, kUnits / 4);
  const auto units = next();
  ASSERT_EQ(units.size(), static_cast<std::size_t>(kUnits));
  for (int i = 0; i < kUnits; ++i) EXPECT_EQ(units[static_cast<std::size_t>(i)].events, numbered_unit(1, i));
}

TEST_F(JournalTest, RefusesWhatDoesNotFitAndTakesItOnceThereIsRoom) {
  open();
  int kept = 0;
  tl::expected<void, Error> outcome;
  std::uintmax_t largest = 0;
  while ((outcome = append(numbered_unit(1, kept, 1, std::size_t{64} * 1024)))) {
    ++kept;
    std::uintmax_t size = std::filesystem::file_size(path());
    if (std::filesystem::exists(path() + "-wal")) size += std::filesystem::file_size(path() + "-wal");
    largest = std::max(largest, size);
    ASSERT_LT(kept, 1000);
  }
  EXPECT_EQ(outcome.error().kind, Error::Kind::kFull);
  EXPECT_THAT(outcome.error().detail, HasSubstr("journal.db is full: it may take 16777216 bytes"));
  EXPECT_LE(largest, static_cast<std::uintmax_t>(kMinBytes));
  EXPECT_GT(kept, 60);
  EXPECT_GT(journal_->statistics().used, 0.9);
  EXPECT_EQ(journal_->statistics().refused, 1);
  EXPECT_EQ(journal_->statistics().failures, 0);

  reopen();
  const auto units = next();
  ASSERT_EQ(units.size(), static_cast<std::size_t>(kept));
  for (int i = 0; i < kept; ++i) {
    EXPECT_EQ(units[static_cast<std::size_t>(i)].events.at(0).event_id, id(1, i));
  }
  EXPECT_FALSE(append(numbered_unit(1, kept, 1, std::size_t{64} * 1024)));
  remove({units[0].sequence, units[1].sequence, units[2].sequence, units[3].sequence});
  must_append(numbered_unit(1, kept, 1, std::size_t{64} * 1024));
  EXPECT_EQ(next().back().events.at(0).event_id, id(1, kept));
}

TEST_F(JournalTest, StaysWithinItsBoundWhileItIsFilledAndEmptied) {
  open();
  std::int64_t largest = 0;
  for (int i = 0; i < 40; ++i) {
    must_append(numbered_unit(1, i, 100, 10000));
    largest = std::max(largest, journal_->statistics().disk_bytes);
    if (i % 4 < 3) continue;
    for (const Unit& unit : next()) remove({unit.sequence});
  }
  EXPECT_LE(largest, kMinBytes);
  EXPECT_EQ(journal_->statistics().waiting.units, 0);
  EXPECT_LT(journal_->statistics().used, 0.01);
}

TEST_F(JournalTest, FitsManySmallUnits) {
  open();
  must_append(numbered_unit(1, 0, 1, 100));
  const double before = journal_->statistics().used;
  for (int i = 1; i <= 200; ++i) must_append(numbered_unit(1, i, 1, 100));
  // 200 records of about 300 bytes.
  EXPECT_LT(journal_->statistics().used - before, 120000.0 / (5.0 * kMiB));
}

TEST_F(JournalTest, TellsHowMuchWaitsSinceWhen) {
  open();
  EXPECT_FALSE(journal_->statistics().oldest);
  const auto before = std::chrono::system_clock::now();
  must_append(numbered_unit(1, 1, 3));
  must_append(numbered_unit(1, 2, 4));
  const auto first = next().at(0).sequence;
  auto statistics = journal_->statistics();
  EXPECT_EQ(statistics.waiting.units, 2);
  EXPECT_EQ(statistics.waiting.events, 7);
  EXPECT_GT(statistics.waiting.bytes, 700);
  ASSERT_TRUE(statistics.oldest);
  const auto oldest = *statistics.oldest;
  EXPECT_GE(oldest, std::chrono::floor<std::chrono::microseconds>(before));
  EXPECT_EQ(statistics.max_bytes, kMinBytes);
  EXPECT_GT(statistics.disk_bytes, 0);

  remove({first});
  statistics = journal_->statistics();
  EXPECT_EQ(statistics.replayed.units, 1);
  EXPECT_EQ(statistics.replayed.events, 3);
  EXPECT_EQ(statistics.waiting.events, 4);
  EXPECT_GE(*statistics.oldest, oldest);

  reopen();
  statistics = journal_->statistics();
  EXPECT_EQ(statistics.waiting.units, 1);
  EXPECT_EQ(statistics.waiting.events, 4);
  EXPECT_TRUE(statistics.oldest);
  EXPECT_EQ(statistics.replayed.units, 0);
}

TEST_F(JournalTest, SetsEntriesAsideWhereTheyAreSeen) {
  open();
  must_append(numbered_unit(1, 1, 2), "ws");
  must_append(numbered_unit(1, 2));
  const auto units = next();
  set_aside({units[0].sequence, 12345}, "invalid byte sequence");
  EXPECT_THAT(ids(), ElementsAre(id(1, 2)));
  for (const bool reopened : {false, true}) {
    if (reopened) reopen();
    const auto held = set_aside_units();
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].sequence, units[0].sequence);
    EXPECT_EQ(held[0].workspace, "ws");
    EXPECT_EQ(held[0].reason, "invalid byte sequence");
    EXPECT_GE(*held[0].set_aside_at, held[0].appended_at);
    EXPECT_EQ(held[0].events, units[0].events);
    EXPECT_EQ(journal_->statistics().aside.units, 1);
    EXPECT_EQ(journal_->statistics().aside.events, 2);
    EXPECT_EQ(journal_->statistics().waiting.units, 1);
  }
}

TEST_F(JournalTest, RefusesMoreThanMayWaitInMemory) {
  Options small = options();
  small.max_queued_bytes = 10000;
  open(small);
  const auto refused = append(numbered_unit(1, 1, 1, 10000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kFull);
  EXPECT_THAT(refused.error().detail, HasSubstr("allowed are 10000"));
  EXPECT_EQ(journal_->statistics().refused, 1);
  must_append(numbered_unit(1, 2, 1, 5000));
  EXPECT_THAT(ids(), ElementsAre(id(1, 2)));
}

TEST_F(JournalTest, RefusesAUnitBeyondTheLargest) {
  open();
  const auto refused = append(numbered_unit(1, 1, 1, kMaxUnitBytes));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kFailed);
  EXPECT_THAT(refused.error().detail, HasSubstr("allowed are 8388608"));
}

TEST_F(JournalTest, IsForItsOwnerOnly) {
  open();
  must_append(numbered_unit(1, 1));
  for (const std::string& name : files()) {
    struct stat facts {};
    ASSERT_EQ(::stat((folder_ / name).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U) << name;
  }
  close();
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  open();
  struct stat facts {};
  ASSERT_EQ(::stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(JournalTest, LeavesOneFileWhenClosedAndTakesNothingMore) {
  open();
  must_append(numbered_unit(1, 1));
  const auto closed = run(context_, journal_->close(in(20s)));
  ASSERT_TRUE(closed) << closed.error().detail;
  EXPECT_THAT(files(), ElementsAre("journal.db"));
  const auto refused = append(numbered_unit(1, 2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kFailed);
  EXPECT_EQ(refused.error().detail, "the journal is closed");
  EXPECT_FALSE(run(context_, journal_->waiting()));
  EXPECT_FALSE(run(context_, journal_->close(in(20s))));
  open();
  EXPECT_THAT(ids(), ElementsAre(id(1, 1)));
}

TEST_F(JournalTest, FinishesWhatIsQueuedWhenItIsDestroyed) {
  open();
  bool kept = false;
  boost::asio::co_spawn(context_, journal_->append(Origin(), numbered_unit(1, 1), in(20s)),
                        [&](const std::exception_ptr& thrown, const tl::expected<void, Error>& outcome) {
                          kept = !thrown && outcome;
                        });
  context_.run_one();
  journal_.reset();
  ASSERT_TRUE(run_until([&] { return kept; }));
  open();
  EXPECT_THAT(ids(), ElementsAre(id(1, 1)));
}

TEST_F(JournalTest, TellsItsListenerWhenThereIsMoreToStore) {
  open();
  int calls = 0;
  journal_->on_append([&] { ++calls; });
  must_append(numbered_unit(1, 1));
  ASSERT_TRUE(run_until([&] { return calls == 1; }));
  set_aside({1}, "refused");
  ASSERT_TRUE(run(context_, journal_->put_back({1})));
  EXPECT_EQ(calls, 2);
  ASSERT_TRUE(run(context_, journal_->put_back({1})));
  EXPECT_EQ(calls, 2) << "it waits already";
  journal_->on_append(nullptr);
  must_append(numbered_unit(1, 2));
  EXPECT_EQ(calls, 2);
}

TEST_F(JournalTest, TakesASizeThatIsTooSmallForTheSmallest) {
  Options small = options();
  small.max_bytes = 1;
  open(small);
  EXPECT_EQ(journal_->statistics().max_bytes, kMinBytes);
}

}  // namespace
}  // namespace storagepool::journal
