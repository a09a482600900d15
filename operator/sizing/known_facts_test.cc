#include "operator/sizing/known_facts.h"

#include <gtest/gtest.h>

namespace storagepool::sizing {
namespace {

using namespace std::chrono_literals;

const KnownFacts::Time kBegin{std::chrono::hours{1}};

KnownFacts read(std::int64_t read_at, KnownFacts::Time time, std::int64_t started_at = 0) {
  KnownFacts known{.facts = {}, .read = time};
  known.facts.read_at = read_at;
  known.facts.started_at = started_at;
  return known;
}

TEST(KnownFacts, AreInTheOrderOfTheServersClock) {
  EXPECT_TRUE(is_newer(read(2'000, kBegin), read(1'000, kBegin + 5s)));
  EXPECT_FALSE(is_newer(read(1'000, kBegin + 5s), read(2'000, kBegin)));
  EXPECT_FALSE(is_newer(read(1'000, kBegin), read(1'000, kBegin)));
}

TEST(KnownFacts, ThatWereReadAMinuteLaterAreNewerWhateverTheServersClockSays) {
  EXPECT_FALSE(is_newer(read(1'000, kBegin + 60s), read(2'000, kBegin)));
  EXPECT_TRUE(is_newer(read(1'000, kBegin + 61s), read(2'000, kBegin)));
}

TEST(KnownFacts, OfOlderPodsAreInTheOrderInWhichTheyWereRead) {
  EXPECT_TRUE(is_newer(read(0, kBegin + 1s), read(0, kBegin)));
  EXPECT_TRUE(is_newer(read(0, kBegin + 1s), read(5'000, kBegin)));
  EXPECT_FALSE(is_newer(read(5'000, kBegin), read(0, kBegin + 1s)));
}

TEST(KnownFacts, AreOutdatedByAStartUnlessTheyAreRenewed) {
  const KnownFacts later = read(4'000, kBegin + 120s, 3'000);
  EXPECT_TRUE(is_outdated(read(2'000, kBegin), later));
  EXPECT_TRUE(is_outdated(read(0, kBegin), later));
  EXPECT_FALSE(is_outdated(read(3'500, kBegin), later));
  EXPECT_FALSE(is_outdated(read(2'000, kBegin + 30s), later));
}

}  // namespace
}  // namespace storagepool::sizing
