#include "operator/kube/workqueue.h"

#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

const ObjectKey kKey{"n", "a"};

TEST(WorkQueueTest, AWaiterGetsWhatIsAddedLater) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  auto waiter = std::async(std::launch::async, [&] { return queue.get(); });
  queue.add(kKey, Priority::kUser);
  ASSERT_EQ(waiter.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(waiter.get(), kKey);
}

TEST(WorkQueueTest, AWaiterGetsADelayedKeyAndOneThatIsDueBeforeIt) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  queue.add_after({"n", "late"}, Priority::kUser, 1h);
  auto waiter = std::async(std::launch::async, [&] { return queue.get(); });
  queue.add_after(kKey, Priority::kUser, 5ms);
  ASSERT_EQ(waiter.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(waiter.get(), kKey);
}

TEST(WorkQueueTest, ShutDownWakesAllWaitersAndHandsOutNothingMore) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  auto first = std::async(std::launch::async, [&] { return queue.get(); });
  auto second = std::async(std::launch::async, [&] { return queue.get(); });
  queue.shut_down();
  ASSERT_EQ(first.wait_for(10s), std::future_status::ready);
  ASSERT_EQ(second.wait_for(10s), std::future_status::ready);
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
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (handled < 4 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    queue.shut_down();
  }
  EXPECT_FALSE(shared);
  EXPECT_GE(handled, 4);
}

TEST(WorkQueueTest, PublishesControllerRuntimesMetrics) {
  runtime::Metrics metrics;
  WorkQueue queue(metrics, "storagepool");
  queue.add(kKey, Priority::kUser);
  queue.add({"n", "b"}, Priority::kResync);
  EXPECT_THAT(metrics.serialize(), HasSubstr("workqueue_depth{name=\"storagepool\"} 2"));
  queue.get();
  queue.add_rate_limited(kKey, 0ms);
  queue.done(kKey);
  const std::string text = metrics.serialize();
  EXPECT_THAT(text, HasSubstr("workqueue_depth{name=\"storagepool\"} 1"));
  EXPECT_THAT(text, HasSubstr("workqueue_adds_total{name=\"storagepool\"} 2"));
  EXPECT_THAT(text, HasSubstr("workqueue_retries_total{name=\"storagepool\"} 1"));
  EXPECT_THAT(text, HasSubstr("workqueue_queue_duration_seconds_count{name=\"storagepool\"} 1"));
  EXPECT_THAT(text, HasSubstr("workqueue_work_duration_seconds_count{name=\"storagepool\"} 1"));
}

}  // namespace
}  // namespace storagepool::kube
