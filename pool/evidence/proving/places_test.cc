#include "pool/evidence/proving/places.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

using ::testing::ElementsAre;
using testing::entry;

TEST(Columns, AreReadWholeOrNotAtAll) {
  std::int64_t number = 0;
  EXPECT_TRUE(read_number("-12", number));
  EXPECT_EQ(number, -12);
  for (const Column& bad : {Column(), Column(""), Column("1 "), Column("x"), Column("9223372036854775808")})
    EXPECT_FALSE(read_number(bad, number));
  std::vector<std::int64_t> numbers;
  EXPECT_TRUE(read_numbers("{1,-20}", numbers));
  EXPECT_THAT(numbers, ElementsAre(1, -20));
  EXPECT_TRUE(read_numbers("{}", numbers));
  for (const char* bad :
       {"{1,NULL}", "{{1},{2}}", "[0:1]={1,2}", "{1,}", "{,1}", "{", "}", "", "{1 2}", "{1,2"})
    EXPECT_FALSE(read_numbers(bad, numbers)) << bad;
}

TEST(Places, OfABatchAreThoseThatItKeeps) {
  const std::string all = entry(1) + entry(2) + entry(3);
  EXPECT_EQ(kept_entries(all, {}), all);
  EXPECT_EQ(kept_entries(all, {{1, 3}}), entry(1) + entry(3));
  EXPECT_EQ(kept_entries(all, {{0}}), std::nullopt);
  EXPECT_EQ(kept_entries(all, {{4}}), std::nullopt);
  EXPECT_EQ(kept_entries(all, {{2, 1}}), std::nullopt);
  EXPECT_EQ(kept_entries(all.substr(1), {}), std::nullopt);
}

TEST(Places, OfAnEventAreFoundByItsId) {
  const SealRow seal{.first_seq = 100, .batches = {7, 9, 8}, .counts = {5, 2, 1}};
  const std::string kept = entry(0xABC) + entry(0xABD);
  const std::string id = "00000000-0000-0000-0000-000000000abd";
  EXPECT_EQ(place_of(id, 9, kept, seal), (EntryPlace{106, entry(0xABD)}));
  EXPECT_EQ(place_of(id, 8, entry(0xABD), seal), (EntryPlace{107, entry(0xABD)}));
  EXPECT_EQ(place_of(id, 6, kept, seal), std::nullopt);
  EXPECT_EQ(place_of(id, 9, entry(0xABD), seal), std::nullopt) << "it counts others";
  EXPECT_EQ(place_of("00000000-0000-0000-0000-000000000abe", 9, kept, seal), std::nullopt);
  EXPECT_EQ(place_of("no id", 9, kept, seal), std::nullopt);
  EXPECT_EQ(place_of(id, 9, kept, {.first_seq = 100, .batches = {7, 9}, .counts = {5}}), std::nullopt);
}

// Against all entries one by one.
TEST(Places, OfAPartOfTheLogAreInItsBatches) {
  std::mt19937_64 random(3);
  std::vector<SealRow> seals;
  std::vector<std::pair<std::int64_t, std::uint64_t>> log;  // batch, and which of its entries
  for (std::int64_t batch = 1; batch < 60; ++batch) {
    if (seals.empty() || random() % 4 == 0) seals.push_back({.first_seq = log.size()});
    seals.back().batches.push_back(batch);
    seals.back().counts.push_back(static_cast<std::int64_t>(1 + random() % 5));
    for (std::int64_t i = 0; i < seals.back().counts.back(); ++i) log.emplace_back(batch, i);
  }
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t first = random() % log.size();
    const std::uint64_t count = 1 + random() % (log.size() - first);
    const auto runs = runs_of(seals, first, count);
    ASSERT_TRUE(runs);
    std::vector<std::pair<std::int64_t, std::uint64_t>> got;
    for (const EntryRun& run : *runs)
      for (std::uint64_t at = 0; at < run.count; ++at) got.emplace_back(run.batch, run.skip + at);
    EXPECT_EQ(got, (std::vector(log.begin() + static_cast<std::ptrdiff_t>(first),
                                log.begin() + static_cast<std::ptrdiff_t>(first + count))));
  }
  EXPECT_FALSE(runs_of(seals, 0, log.size() + 1));
  EXPECT_FALSE(runs_of({}, 0, 1));
  const std::uint64_t second = seals.at(1).first_seq;
  seals.erase(seals.begin() + 1);
  EXPECT_FALSE(runs_of(seals, second - 1, 2));
  EXPECT_FALSE(runs_of(seals, 0, log.size()));
  seals.at(0).counts.at(0) = 0;
  EXPECT_FALSE(runs_of(seals, 0, 1));
}

}  // namespace
}  // namespace storagepool::evidence
