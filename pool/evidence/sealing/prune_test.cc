#include "pool/evidence/sealing/prune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const runtime::Timestamp kMoment = *runtime::parse_timestamp("2026-06-15T12:00:00Z");
const runtime::Date kToday = runtime::date_of(kMoment);

LogState log_of(std::uint64_t size, std::uint64_t min_index = 0) {
  LogState state = testing::state_of(std::vector<std::string>(size, "e"));
  state.min_index = min_index;
  return state;
}

TEST(Prune, EndsWithATileBeforeTheFloorAndTheFirstMonthThatHasNotExpired) {
  const LogState log = log_of(2000);
  const auto limit = [&](std::uint64_t floor, const std::vector<LogMonth>& months) {
    return prune_limit(log, floor, months, kMoment);
  };
  const LogMonth expired{kToday - std::chrono::days{3}, 0};
  EXPECT_EQ(limit(2000, {expired}), 1792U);
  EXPECT_EQ(limit(1792, {expired}), 1792U);
  EXPECT_EQ(limit(1791, {expired}), 1536U);
  EXPECT_EQ(limit(0, {expired}), 0U);
  EXPECT_EQ(limit(9999, {expired}), 1792U) << "the log has no more";
  EXPECT_EQ(limit(2000, {expired, {kToday, 1000}}), 768U);
  EXPECT_EQ(limit(2000, {{kToday, 700}, expired, {kToday, 1000}}), 512U);
  EXPECT_EQ(limit(2000, {{kToday, 0}}), 0U);
}

TEST(Prune, AMonthHasExpiredADayAfterItsLastDay) {
  const auto limit = [&](runtime::Timestamp now) {
    return prune_limit(log_of(256), 256, std::vector<LogMonth>{{kToday, 0}}, now);
  };
  const runtime::Timestamp over = kToday + std::chrono::days{1} + kStaysOn;
  EXPECT_EQ(limit(over - 1us), 0U);
  EXPECT_EQ(limit(over), 256U);
}

TEST(Prune, GoesOnFromWhatIsPrunedAndTakesSoManyAtOnce) {
  const std::vector<LogMonth> none;
  EXPECT_EQ(prune_limit(log_of(1000, 512), 100, none, kMoment), 512U) << "never back";
  EXPECT_EQ(prune_limit(log_of(1000, 512), 1000, none, kMoment), 768U);
  EXPECT_EQ(prune_limit(log_of(kMaxPruned + 1000, 256), kMaxPruned + 1000, none, kMoment), 256 + kMaxPruned);
}

TEST(Prune, NoBatchGoesThatWasCommittedADayAgo) {
  const std::int64_t old = batch_id(kMoment - kStaysOn, 0);
  const std::int64_t young = batch_id(kMoment - kStaysOn + 1ms, 0);
  const auto limit = [&](std::uint64_t min_index, const std::vector<SealRow>& seals) {
    return settled_limit(min_index, 1024, seals, kMoment);
  };
  EXPECT_EQ(limit(0, {{0, {old, old - 9}, {600, 600}}}), 1024U);
  EXPECT_EQ(limit(0, {{0, {old, young}, {600, 600}}}), 512U);
  EXPECT_EQ(limit(0, {{0, {old}, {300}}, {300, {young}, {900}}}), 256U);
  EXPECT_EQ(limit(512, {{0, {young}, {1200}}}), 512U);
}

TEST(Prune, EntriesGoUpToTheFirstThatHasNotExpiredOrIsHeld) {
  const auto entry = [](std::uint64_t number, const char* time, int days) {
    return testing::entry(number, time, days);
  };
  const std::string expired = entry(1, "2026-06-13T12:00:00Z", 1);
  const Tags none;
  EXPECT_THAT(expired_entries(expired + expired, none, kMoment), SizeIs(2));
  EXPECT_THAT(expired_entries(expired + expired, none, kMoment - 1us), IsEmpty()) << "a day more";
  EXPECT_THAT(expired_entries(expired + entry(2, "2026-06-13T12:00:00Z", 2) + expired, none, kMoment),
              SizeIs(1));
  EXPECT_THAT(expired_entries("no entry" + expired, none, kMoment), IsEmpty());
  const Tags held{Entry::read(expired)->tag};
  EXPECT_THAT(expired_entries(expired, held, kMoment), IsEmpty());
}

TEST(Prune, EndsBeforeTheFirstEventThatIsStored) {
  EXPECT_EQ(prune_end(256, 1000, std::nullopt), 256U + 768U);
  EXPECT_EQ(prune_end(256, 1000, 999), 256U + 768U);
  EXPECT_EQ(prune_end(256, 1000, 767), 256U + 512U);
  EXPECT_EQ(prune_end(256, 1000, 0), 256U);
  EXPECT_EQ(prune_end(256, 255, std::nullopt), 256U);
}

TEST(Prune, OfBatchesThatEndWhereTheLogBeginsTheLastStays) {
  const std::vector<SealRow> seals{{0, {1, 2}, {200, 56}}, {256, {3, 4}, {255, 1}}, {512, {5}, {10}}};
  EXPECT_THAT(batches_before(0, 256, seals), ElementsAre(1));
  EXPECT_THAT(batches_before(0, 512, seals), ElementsAre(1, 2, 3));
  EXPECT_THAT(batches_before(256, 512, seals), ElementsAre(2, 3)) << "2 had stayed";
  const std::vector<SealRow> one{{0, {1}, {300}}};
  EXPECT_THAT(batches_before(0, 256, one), IsEmpty()) << "it has entries that stay";
}

}  // namespace
}  // namespace storagepool::evidence
