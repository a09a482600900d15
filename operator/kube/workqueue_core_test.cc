#include <random>

#include <gtest/gtest.h>

#include "operator/kube/workqueue.h"

namespace storagepool::kube {
namespace {

using namespace std::chrono_literals;
using TimePoint = WorkQueueCore::TimePoint;

const ObjectKey kA{"n", "a"};
const ObjectKey kB{"n", "b"};
const ObjectKey kC{"n", "c"};
const TimePoint kOpening{1h};

std::string taken(WorkQueueCore& queue, TimePoint now) {
  const auto next = queue.take(now);
  return next ? next->key.name : "-";
}

TEST(WorkQueueCoreTest, AKeyIsQueuedOnceInOrder) {
  WorkQueueCore queue;
  EXPECT_TRUE(queue.add(kA, Priority::kUser, kOpening));
  EXPECT_TRUE(queue.add(kB, Priority::kUser, kOpening));
  EXPECT_FALSE(queue.add(kA, Priority::kUser, kOpening));
  EXPECT_EQ(queue.depth(), 2u);
  EXPECT_EQ(queue.adds(), 2u);
  EXPECT_EQ(taken(queue, kOpening), "a");
  EXPECT_EQ(taken(queue, kOpening), "b");
  EXPECT_EQ(taken(queue, kOpening), "-");
}

TEST(WorkQueueCoreTest, AKeyInWorkComesAgainOnlyAfterDone) {
  WorkQueueCore queue;
  queue.add(kA, Priority::kUser, kOpening);
  EXPECT_EQ(taken(queue, kOpening), "a");
  EXPECT_TRUE(queue.add(kA, Priority::kResync, kOpening));
  EXPECT_FALSE(queue.add(kA, Priority::kUser, kOpening));
  EXPECT_EQ(taken(queue, kOpening), "-");
  queue.done(kA, kOpening);
  EXPECT_EQ(taken(queue, kOpening), "a");
  queue.done(kA, kOpening);
  EXPECT_EQ(taken(queue, kOpening), "-");
  EXPECT_EQ(queue.adds(), 2u);
}

TEST(WorkQueueCoreTest, UserChangesGoAheadOfResyncs) {
  WorkQueueCore queue;
  queue.add(kA, Priority::kResync, kOpening);
  queue.add(kB, Priority::kResync, kOpening);
  queue.add(kC, Priority::kUser, kOpening);
  EXPECT_FALSE(queue.add(kB, Priority::kUser, kOpening)) << "lifted, not added";
  EXPECT_FALSE(queue.add(kC, Priority::kResync, kOpening)) << "never lowered";
  EXPECT_EQ(queue.depth(), 3u);
  EXPECT_EQ(taken(queue, kOpening), "c");
  EXPECT_EQ(taken(queue, kOpening), "b");
  EXPECT_EQ(taken(queue, kOpening), "a");
  EXPECT_EQ(taken(queue, kOpening), "-");
}

TEST(WorkQueueCoreTest, AUsersChangeIsNextHoweverMuchWaits) {
  WorkQueueCore queue;
  for (int i = 0; i < 2000; ++i) queue.add({"n", std::to_string(i)}, Priority::kResync, kOpening);
  for (int i = 0; i < 500; ++i) queue.add({"n", std::to_string(i)}, Priority::kChange, kOpening);
  for (int i = 0; i < 500; ++i) queue.add_rate_limited({"m", std::to_string(i)}, 0ms, kOpening);
  queue.add({"n", "made"}, Priority::kNew, kOpening);
  queue.add(kA, Priority::kUser, kOpening + 1s);
  queue.add({"n", "1999"}, Priority::kUser, kOpening + 1s);
  EXPECT_EQ(taken(queue, kOpening + 1s), "a");
  EXPECT_EQ(taken(queue, kOpening + 1s), "1999");
  EXPECT_EQ(taken(queue, kOpening + 1s), "made");
  EXPECT_EQ(taken(queue, kOpening + 1s), "0") << "then the pods' news";
}

TEST(WorkQueueCoreTest, BackOffGrowsFrom5MillisecondsToAMinute) {
  WorkQueueCore queue;
  const auto expect_about = [&](const ObjectKey& key, std::chrono::milliseconds longest) {
    const auto delay = queue.add_rate_limited(key, 0ms, kOpening);
    EXPECT_LE(delay, longest);
    EXPECT_GE(delay, longest * 4 / 5);
  };
  auto longest = std::chrono::milliseconds(5);
  for (int i = 0; i < 100; ++i, longest = std::min<std::chrono::milliseconds>(longest * 4, 60s)) {
    expect_about(kA, longest);
  }
  expect_about(kB, 5ms);  // each key has its own
  queue.forget(kA);
  expect_about(kA, 5ms);
}

TEST(WorkQueueCoreTest, WhatTheServerAskedToWaitIsWaited) {
  WorkQueueCore queue;
  queue.add_after(kA, Priority::kResync, 10s, kOpening);
  EXPECT_EQ(queue.add_rate_limited(kA, 3min, kOpening), 3min);
  EXPECT_EQ(queue.next_due(), kOpening + 3min);
  queue.add(kA, Priority::kUser, kOpening);
  EXPECT_EQ(taken(queue, kOpening), "a") << "not by a user's change";
}

TEST(WorkQueueCoreTest, WhatFailedIsAsUrgentWhenItIsTriedAgain) {
  WorkQueueCore queue;
  queue.add(kA, Priority::kUser, kOpening);
  EXPECT_EQ(taken(queue, kOpening), "a");
  queue.add_rate_limited(kA, 0ms, kOpening);
  queue.add(kA, Priority::kChange, kOpening);  // a child of it comes, and it fails again
  queue.done(kA, kOpening);
  EXPECT_EQ(taken(queue, kOpening), "a");
  queue.add_rate_limited(kA, 0ms, kOpening);
  queue.done(kA, kOpening);
  queue.add(kB, Priority::kNew, kOpening);
  queue.add(kC, Priority::kResync, kOpening);
  EXPECT_EQ(taken(queue, kOpening + 1s), "a");
  EXPECT_EQ(taken(queue, kOpening + 1s), "b");
  EXPECT_EQ(taken(queue, kOpening + 1s), "c");
  queue.add_rate_limited(kC, 0ms, kOpening + 1s);
  queue.done(kC, kOpening + 1s);
  queue.add({"n", "later"}, Priority::kChange, kOpening + 2s);
  queue.add({"n", "resync"}, Priority::kResync, kOpening + 1s);
  EXPECT_EQ(taken(queue, kOpening + 2s), "later");
  EXPECT_EQ(taken(queue, kOpening + 2s), "c") << "before a resync, for it has failed";
}

TEST(WorkQueueCoreTest, WhatFailedAtOnceDoesNotComeBackAtOnce) {
  WorkQueueCore queue;
  std::set<WorkQueueCore::Duration> delays;
  for (int key = 0; key < 100; ++key) {
    for (int i = 0; i < 9; ++i) queue.add_rate_limited({"n", std::to_string(key)}, 0ms, kOpening);
    delays.insert(queue.add_rate_limited({"n", std::to_string(key)}, 0ms, kOpening));
  }
  EXPECT_GT(delays.size(), 90u);
}

TEST(WorkQueueCoreTest, ADelayedKeyComesWhenDueAndTheEarlierTimeWins) {
  WorkQueueCore queue;
  queue.add_after(kA, Priority::kResync, 10s, kOpening);
  queue.add_after(kA, Priority::kUser, 20s, kOpening);
  queue.add_after(kB, Priority::kUser, 5s, kOpening);
  queue.add_after(kB, Priority::kUser, 3s, kOpening);
  EXPECT_EQ(queue.next_due(), kOpening + 3s);
  EXPECT_EQ(taken(queue, kOpening + 3s - 1ns), "-");
  EXPECT_EQ(taken(queue, kOpening + 3s), "b");
  EXPECT_EQ(queue.next_due(), kOpening + 10s);
  EXPECT_EQ(taken(queue, kOpening + 10s), "a");
  EXPECT_EQ(queue.next_due(), std::nullopt);
  queue.add_after(kC, Priority::kUser, 0s, kOpening);
  EXPECT_EQ(taken(queue, kOpening), "c");
}

TEST(WorkQueueCoreTest, TellsHowLongAKeyWaited) {
  WorkQueueCore queue;
  queue.add(kA, Priority::kResync, kOpening);
  queue.add(kA, Priority::kUser, kOpening + 2s);
  EXPECT_EQ(queue.take(kOpening + 5s)->waited, 5s);
}

// Whatever the order of calls: no key is in work twice at once, none is lost, and no more keys are ready than
// exist.
TEST(WorkQueueCoreTest, RandomCallsLoseNothing) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::minstd_rand random(seed);
    WorkQueueCore queue;
    TimePoint now = kOpening;
    std::set<std::string> wanted;  // asked for since last taken
    std::set<std::string> in_work;
    const auto take = [&](std::string& name) {
      const auto next = queue.take(now);
      if (!next) return false;
      name = next->key.name;
      EXPECT_TRUE(in_work.insert(name).second) << "seed " << seed;
      wanted.erase(name);
      return true;
    };
    for (int step = 0; step < 300; ++step) {
      const ObjectKey key{"n", std::to_string(random() % 5)};
      std::string name;
      switch (random() % 6) {
        case 0:
          queue.add(key, Priority::kUser, now);
          wanted.insert(key.name);
          break;
        case 1:
          queue.add(key, Priority::kResync, now);
          wanted.insert(key.name);
          break;
        case 2:
          queue.add_after(key, Priority::kResync, std::chrono::milliseconds(random() % 50), now);
          wanted.insert(key.name);
          break;
        case 3:
          queue.add_rate_limited(key, 0ms, now);
          wanted.insert(key.name);
          break;
        case 4:
          take(name);
          break;
        default:
          now += std::chrono::milliseconds(random() % 20);
          if (!in_work.empty()) {
            name = *in_work.begin();
            in_work.erase(in_work.begin());
            if (random() % 2 == 0) queue.forget({"n", name});
            queue.done({"n", name}, now);
          }
      }
      ASSERT_LE(queue.depth(), 5u);
    }
    now += 2000s;
    std::string name;
    while (take(name) || !in_work.empty()) {
      if (in_work.empty()) continue;
      queue.done({"n", *in_work.begin()}, now);
      in_work.erase(in_work.begin());
    }
    ASSERT_TRUE(wanted.empty()) << "seed " << seed << " lost " << *wanted.begin();
    ASSERT_EQ(queue.depth(), 0u);
  }
}

}  // namespace
}  // namespace storagepool::kube
