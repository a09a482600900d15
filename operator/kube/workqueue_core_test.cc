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
  for (int i = 0; i < 500; ++i) queue.add_rate_limited({"m", std::to_string(i)}, kOpening);
  queue.add(kA, Priority::kUser, kOpening + 1s);
  queue.add({"n", "1999"}, Priority::kUser, kOpening + 1s);
  EXPECT_EQ(taken(queue, kOpening + 1s), "a");
  EXPECT_EQ(taken(queue, kOpening + 1s), "1999");
  EXPECT_EQ(taken(queue, kOpening + 1s), "0") << "then the pods' news";
}

TEST(WorkQueueCoreTest, BackOffDoublesFrom5MillisecondsTo1000Seconds) {
  WorkQueueCore queue;
  auto expected = std::chrono::milliseconds(5);
  for (int i = 0; i < 18; ++i, expected *= 2) {
    EXPECT_EQ(queue.add_rate_limited(kA, kOpening), std::min<std::chrono::milliseconds>(expected, 1000s))
        << i;
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.add_rate_limited(kA, kOpening), 1000s);
  EXPECT_EQ(queue.add_rate_limited(kB, kOpening), 5ms) << "each key has its own";
  queue.forget(kA);
  EXPECT_EQ(queue.add_rate_limited(kA, kOpening), 5ms);
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
          queue.add_rate_limited(key, now);
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
