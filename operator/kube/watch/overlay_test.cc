#include "operator/kube/watch/overlay.h"

#include <random>

#include <gtest/gtest.h>

#include "operator/kube/object.h"

namespace storagepool::kube {
namespace {

using namespace std::chrono_literals;

const Overlay::TimePoint kNow{1h};

ObjectPtr written_object(const std::string& name, std::uint64_t version) {
  return std::make_shared<const Json>(
      Json{{"metadata", {{"name", name}, {"namespace", "n"}, {"resourceVersion", std::to_string(version)}}}});
}

std::uint64_t found(const Overlay& overlay, const std::string& name, Overlay::TimePoint now = kNow) {
  const ObjectPtr object = overlay.find({"n", name}, now);
  return object ? resource_version(*object) : 0;
}

TEST(OverlayTest, AWriteCountsUntilTheWatchShowsItOrSomethingNewer) {
  for (const std::uint64_t shown : {10u, 11u}) {
    Overlay overlay;
    overlay.written(written_object("a", 10), kNow);
    overlay.seen({"n", "a"}, 9);
    overlay.seen({"n", "b"}, 20);
    EXPECT_EQ(found(overlay, "a"), 10u);
    overlay.seen({"n", "a"}, shown);
    EXPECT_EQ(found(overlay, "a"), 0u);
    EXPECT_EQ(overlay.size(), 0u);
  }
}

TEST(OverlayTest, OfTwoWritesTheNewerCountsInWhateverOrderTheirAnswersCome) {
  Overlay overlay;
  overlay.written(written_object("a", 11), kNow);
  overlay.written(written_object("a", 10), kNow);
  EXPECT_EQ(found(overlay, "a"), 11u);
  overlay.written(written_object("a", 12), kNow);
  EXPECT_EQ(found(overlay, "a"), 12u);
}

TEST(OverlayTest, AListShowsWhatWasWrittenBeforeItBegan) {
  Overlay overlay;
  overlay.written(written_object("shown", 10), kNow);
  overlay.written(written_object("meanwhile", 12), kNow + 2s);
  overlay.listed(11, kNow + 1s);
  EXPECT_EQ(found(overlay, "shown"), 0u);
  EXPECT_EQ(found(overlay, "meanwhile"), 12u);
}

TEST(OverlayTest, AfterARestoreOfTheStorageNothingOfBeforeCounts) {
  Overlay overlay;
  overlay.written(written_object("a", 900), kNow);
  overlay.listed(500, kNow + 1s);
  EXPECT_EQ(found(overlay, "a"), 0u);
  overlay.written(written_object("a", 501), kNow + 2s);
  EXPECT_EQ(found(overlay, "a"), 501u);
}

TEST(OverlayTest, WhatIsNeverShownDoesNotCountForEver) {
  Overlay overlay;
  overlay.written(written_object("a", 900), kNow);
  EXPECT_EQ(found(overlay, "a", kNow + Overlay::kLongest), 900u);
  EXPECT_EQ(found(overlay, "a", kNow + Overlay::kLongest + 1s), 0u);
  overlay.written(written_object("a", 20), kNow + Overlay::kLongest + 1s);
  EXPECT_EQ(found(overlay, "a", kNow + Overlay::kLongest + 1s), 20u) << "an older number in its place";
}

TEST(OverlayTest, NoMoreAreKeptThanFit) {
  Overlay overlay;
  for (std::size_t i = 0; i < Overlay::kMost + 3; ++i)
    overlay.written(written_object(std::to_string(i), i + 1), kNow + i * 1ms);
  EXPECT_EQ(overlay.size(), Overlay::kMost);
  EXPECT_EQ(found(overlay, "2"), 0u) << "the oldest go";
  EXPECT_EQ(found(overlay, "3"), 4u);
}

TEST(OverlayTest, WhatHasNoVersionIsNotKept) {
  Overlay overlay;
  overlay.written(std::make_shared<const Json>(Json{{"metadata", {{"name", "a"}}}}), kNow);
  EXPECT_EQ(overlay.size(), 0u);
}

// Whatever the interleaving of writes, answers, events and lists: a read is never older than what was
// answered, and in the end all is as the storage has it.
TEST(OverlayTest, AReadIsNeverOlderThanTheLastAnswer) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    Overlay overlay;
    std::uint64_t storage = 1;
    std::uint64_t answered = 0;
    std::uint64_t cache = 0;
    for (int step = 0; step < 200; ++step) {
      const auto now = kNow + step * 1s;
      switch (random() % 4) {
        case 0:  // a write of ours
          answered = ++storage;
          if (cache < answered) overlay.written(written_object("a", answered), now);
          break;
        case 1:  // somebody else's
          ++storage;
          break;
        case 2:  // an event
          if (cache == storage) break;
          cache += 1 + random() % (storage - cache);
          overlay.seen({"n", "a"}, cache);
          break;
        default:
          cache = storage;
          overlay.listed(storage, now);
      }
      const std::uint64_t over = found(overlay, "a", now);
      ASSERT_TRUE(over == 0 || over > cache) << "seed " << seed;
      ASSERT_GE(std::max(over, cache), answered) << "seed " << seed;
    }
    overlay.seen({"n", "a"}, storage);
    ASSERT_EQ(overlay.size(), 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace storagepool::kube
