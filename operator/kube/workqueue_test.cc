#include "operator/kube/workqueue.h"

#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
const ObjectKey kKey{"n", "a"};

TEST(WorkQueueTest, AWaiterGetsWhatIsAddedLater) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  auto waiter = std::async(std::launch::async, [&] { return queue.get(); });
  queue.add(kKey, Priority::kUser);
  ASSERT_EQ(waiter.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(waiter.get(), kKey);
}

TEST(WorkQueueTest, AWaiterGetsADelayedKeyAndOneThatIsDueBeforeIt) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  queue.add_after({"n", "late"}, Priority::kUser, 1h);
  auto waiter = std::async(std::launch::async, [&] { return queue.get(); });
  queue.add_after(kKey, Priority::kUser, 5ms);
  ASSERT_EQ(waiter.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(waiter.get(), kKey);
}

TEST(WorkQueueTest, ShutDownWakesAllWaitersAndHandsOutNothingMore) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  auto first = std::async(std::launch::async, [&] { return queue.get(); });
  auto second = std::async(std::launch::async, [&] { return queue.get(); });
  queue.shut_down();
  ASSERT_EQ(first.wait_for(kPatience), std::future_status::ready);
  ASSERT_EQ(second.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(first.get(), std::nullopt);
  queue.add(kKey, Priority::kUser);
  EXPECT_EQ(queue.get(), std::nullopt);
}

TEST(WorkQueueTest, WorkersNeverShareAKey) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  std::map<std::string, std::atomic<int>> active;
  for (int i = 0; i < 4; ++i) active[std::to_string(i)] = 0;
  std::atomic<int> handled{0};
  std::atomic<bool> shared{false};
  {
    std::vector<std::jthread> workers(4);
    for (auto& worker : workers) {
      worker = std::jthread([&] {
        while (auto key = queue.get()) {
          if (active.at(key->name)++ != 0) shared = true;
          ++handled;
          if (handled % 3 == 0) {
            queue.add_rate_limited(*key, 0ms);
          } else {
            queue.forget(*key);
          }
          --active.at(key->name);
          queue.done(*key);
        }
      });
    }
    for (int i = 0; i < 2000; ++i) queue.add({"n", std::to_string(i % 4)}, Priority::kUser);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (handled < 4 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    queue.shut_down();
  }
  EXPECT_FALSE(shared);
  EXPECT_GE(handled, 4);
}

// As controller-runtime has them: pkg/metrics/workqueue.go.
TEST(WorkQueueTest, PublishesControllerRuntimesMetrics) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  const auto published = [&](const std::string& metric, const std::string& value) {
    EXPECT_THAT(metrics.serialize(),
                HasSubstr("\n" + metric + "{controller=\"storagepool\",name=\"storagepool\"} " + value));
  };
  queue.add(kKey, Priority::kUser);
  queue.add({"n", "b"}, Priority::kResync);
  published("workqueue_depth", "2\n");
  queue.get();
  queue.add_rate_limited(kKey, 0ms);
  queue.done(kKey);
  published("workqueue_depth", "1\n");
  published("workqueue_adds_total", "2\n");
  published("workqueue_retries_total", "1\n");
  published("workqueue_queue_duration_seconds_count", "1\n");
  published("workqueue_work_duration_seconds_count", "1\n");
  for (const char* metric : {"workqueue_queue_duration_seconds", "workqueue_work_duration_seconds"}) {
    EXPECT_THAT(
        metrics.serialize(),
        HasSubstr(metric +
                  std::string("_bucket{controller=\"storagepool\",name=\"storagepool\",le=\"1e-08\"}")));
  }
}

TEST(WorkQueueTest, WhatIsInWorkGrowsOlderAtEachLookAndEndsWithIt) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  const auto value = [&](const std::string& metric) {
    const std::string text = metrics.serialize();
    const std::string name = "\n" + metric + "{controller=\"storagepool\",name=\"storagepool\"} ";
    const std::size_t at = text.find(name);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size()));
  };
  EXPECT_EQ(value("workqueue_unfinished_work_seconds"), 0);
  EXPECT_EQ(value("workqueue_longest_running_processor_seconds"), 0);
  queue.add(kKey, Priority::kUser);
  queue.get();
  const double first = value("workqueue_longest_running_processor_seconds");
  EXPECT_GT(first, 0);
  EXPECT_GT(value("workqueue_longest_running_processor_seconds"), first);
  const ObjectKey other{"n", "b"};
  queue.add(other, Priority::kUser);
  queue.get();
  const double longest = value("workqueue_longest_running_processor_seconds");
  EXPECT_GT(value("workqueue_unfinished_work_seconds"), longest);
  queue.done(kKey);
  queue.done(other);
  EXPECT_EQ(value("workqueue_unfinished_work_seconds"), 0);
  EXPECT_EQ(value("workqueue_longest_running_processor_seconds"), 0);
}

}  // namespace
}  // namespace storagepool::kube
