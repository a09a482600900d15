#include "operator/kube/workqueue.h"

#include <utility>

#include "pool/common/runtime/clock.h"

namespace storagepool::kube {
namespace {

// client-go's: 10 ns to 10 s in powers of ten would be mostly empty here; these keep its upper half.
const prometheus::Histogram::BucketBoundaries kSeconds{1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000};

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* metric, const char* help,
                         const std::string& name) {
  return prometheus::BuildGauge().Name(metric).Help(help).Register(registry).Add({{"name", name}});
}

prometheus::Counter& counter(prometheus::Registry& registry, const char* metric, const char* help,
                             const std::string& name) {
  return prometheus::BuildCounter().Name(metric).Help(help).Register(registry).Add({{"name", name}});
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* metric, const char* help,
                                 const std::string& name) {
  return prometheus::BuildHistogram().Name(metric).Help(help).Register(registry).Add({{"name", name}},
                                                                                     kSeconds);
}

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

WorkQueue::WorkQueue(runtime::Metrics& metrics, const std::string& name)
    : depth_(gauge(metrics.registry(), "workqueue_depth", "Objects waiting to be reconciled.", name)),
      adds_(counter(metrics.registry(), "workqueue_adds_total", "Objects added to the queue.", name)),
      retries_(counter(metrics.registry(), "workqueue_retries_total", "Objects added again after a failure.",
                       name)),
      queue_seconds_(histogram(metrics.registry(), "workqueue_queue_duration_seconds",
                               "How long an object waited in the queue.", name)),
      work_seconds_(histogram(metrics.registry(), "workqueue_work_duration_seconds",
                              "How long reconciling an object took.", name)) {}

void WorkQueue::add(const ObjectKey& key, Priority priority) {
  const std::lock_guard lock(mutex_);
  core_.add(key, priority, runtime::steady_now());
  publish();
  ready_.notify_one();
}

void WorkQueue::add_after(const ObjectKey& key, Priority priority, std::chrono::milliseconds delay) {
  const std::lock_guard lock(mutex_);
  core_.add_after(key, priority, delay, runtime::steady_now());
  publish();
  // All: each waiter sleeps until what was due first before this.
  ready_.notify_all();
}

void WorkQueue::add_rate_limited(const ObjectKey& key, std::chrono::milliseconds at_least) {
  const std::lock_guard lock(mutex_);
  core_.add_rate_limited(key, at_least, runtime::steady_now());
  retries_.Increment();
  ready_.notify_all();
}

void WorkQueue::forget(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  core_.forget(key);
}

std::optional<ObjectKey> WorkQueue::get() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (shut_down_) return std::nullopt;
    const auto now = runtime::steady_now();
    if (auto taken = core_.take(now)) {
      started_[taken->key] = now;
      queue_seconds_.Observe(seconds(taken->waited));
      publish();
      return std::move(taken->key);
    }
    if (const auto due = core_.next_due()) {
      ready_.wait_until(lock, *due);
    } else {
      ready_.wait(lock);
    }
  }
}

void WorkQueue::done(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  const auto now = runtime::steady_now();
  if (const auto started = started_.find(key); started != started_.end()) {
    work_seconds_.Observe(seconds(now - started->second));
    started_.erase(started);
  }
  core_.done(key, now);
  publish();
  ready_.notify_one();
}

void WorkQueue::shut_down() {
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  ready_.notify_all();
}

void WorkQueue::publish() {
  depth_.Set(static_cast<double>(core_.depth()));
  adds_.Increment(static_cast<double>(core_.adds() - adds_published_));
  adds_published_ = core_.adds();
}

}  // namespace storagepool::kube
