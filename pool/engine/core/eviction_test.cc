#include "pool/engine/core/eviction.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;

constexpr Eviction::Shortage kAny{.any = true};
constexpr Eviction::Shortage kOrdinary{.ordinary = true};
constexpr TimePoint kBegin{1h};

// A connection that became idle then; one that was asked for again is so for the second time.
void enter(Eviction& eviction, std::uint32_t connection, TimePoint when, bool again = false,
           bool system = false) {
  eviction.add(connection, system);
  if (again) {
    eviction.enter(when, connection);
    eviction.take(connection);
  }
  eviction.enter(when, connection);
}

TEST(Eviction, ClosesNothingWhereNothingIsIdleOrShort) {
  Eviction eviction(30s);
  EXPECT_EQ(eviction.victim(kBegin, kAny), kNone);
  EXPECT_EQ(eviction.least_recently_used(), kNone);
  enter(eviction, 0, kBegin);
  EXPECT_EQ(eviction.victim(kBegin + 1s, {}), kNone);
  eviction.leave(0);
  EXPECT_EQ(eviction.victim(kBegin + 1s, kAny), kNone);
  EXPECT_EQ(eviction.size(), 0u);
}

TEST(Eviction, ClosesTheLeastRecentlyUsed) {
  Eviction eviction(30s);
  enter(eviction, 3, kBegin);
  enter(eviction, 1, kBegin + 1s);
  enter(eviction, 2, kBegin + 2s);
  EXPECT_EQ(eviction.size(), 3u);
  EXPECT_EQ(eviction.victim(kBegin + 3s, kAny), 3u);
  eviction.leave(3);
  eviction.enter(kBegin + 3s, 3);
  EXPECT_EQ(eviction.victim(kBegin + 4s, kAny), 1u);
  EXPECT_EQ(eviction.least_recently_used(), 1u);
}

TEST(Eviction, CountsWhatWasAskedForAgainAsYounger) {
  Eviction eviction(30s);
  enter(eviction, 0, kBegin, true);
  enter(eviction, 1, kBegin + 7s);
  // At 8 s they are 8 s and 1 s old: eight times, and not more.
  EXPECT_EQ(eviction.victim(kBegin + 8s, kAny), 1u);
  EXPECT_EQ(eviction.victim(kBegin + 8s - 1ns, kAny), 0u);
  EXPECT_EQ(eviction.least_recently_used(), 0u);  // for which that makes no difference
}

TEST(Eviction, TakesFromTheSystemDatabaseWhereThatHelps) {
  Eviction eviction(30s);
  enter(eviction, 0, kBegin, false, true);
  EXPECT_EQ(eviction.victim(kBegin + 1s, kOrdinary), kNone);
  EXPECT_EQ(eviction.victim(kBegin + 1s, kAny), 0u);
  enter(eviction, 1, kBegin + 1s);
  EXPECT_EQ(eviction.victim(kBegin + 2s, kAny), 0u);       // older
  EXPECT_EQ(eviction.victim(kBegin + 2s, kOrdinary), 1u);  // its reserve
  eviction.take(0);
  eviction.enter(kBegin + 2s, 0);
  EXPECT_EQ(eviction.victim(kBegin + 3s, kAny), 1u);
}

TEST(Eviction, ShortageIsHelpedByWhatItIsShortOf) {
  EXPECT_TRUE(kAny.helped_by(true));
  EXPECT_TRUE(kAny.helped_by(false));
  EXPECT_FALSE(kOrdinary.helped_by(true));
  EXPECT_TRUE(kOrdinary.helped_by(false));
  EXPECT_FALSE(Eviction::Shortage{}.helped_by(false));
}

TEST(Eviction, PatienceIsAnEighthOfTheTimeOutAndAtMostFiftyMilliseconds) {
  Eviction eviction(30s);
  EXPECT_EQ(eviction.patience(), 50ms);
  EXPECT_EQ(eviction.hesitation(), 5ms);
  eviction.reconfigure(80ms);
  EXPECT_EQ(eviction.patience(), 10ms);
  EXPECT_EQ(eviction.hesitation(), 1ms);
}

TEST(Eviction, IsRipeAfterAHesitationOrWhenTheWaiterLosesPatience) {
  Eviction eviction(30s);
  enter(eviction, 0, kBegin);
  EXPECT_EQ(eviction.ripe(0, kBegin), kBegin + 5ms);
  EXPECT_EQ(eviction.ripe(0, kBegin - 47ms), kBegin + 3ms);
}

TEST(Eviction, VisitsEachIdleConnectionThoughItLeaves) {
  Eviction eviction(30s);
  enter(eviction, 0, kBegin, false, true);
  enter(eviction, 1, kBegin);
  enter(eviction, 2, kBegin, true);
  enter(eviction, 3, kBegin);
  std::vector<std::uint32_t> seen;
  eviction.each([&](std::uint32_t connection) {
    seen.push_back(connection);
    eviction.leave(connection);
  });
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{0, 1, 3, 2}));
  EXPECT_EQ(eviction.size(), 0u);
}

TEST(Eviction, APlaceThatIsUsedAnewStartsAnew) {
  Eviction eviction(30s);
  enter(eviction, 0, kBegin, true);
  eviction.leave(0);
  enter(eviction, 0, kBegin + 1s);  // of another connection, for which nobody asked again
  enter(eviction, 1, kBegin, true);
  EXPECT_EQ(eviction.victim(kBegin + 2s, kAny), 0u);
}

}  // namespace
}  // namespace storagepool::engine
