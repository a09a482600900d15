#include "operator/kube/workqueue.h"

#include <algorithm>
#include <utility>

#include <prometheus/collectable.h>

#include "pool/common/runtime/clock.h"

namespace storagepool::kube {
namespace {

// client-go's.
const prometheus::Histogram::BucketBoundaries kSeconds{1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3,
                                                       1e-2, 1e-1, 1,    10,   100,  1000};

std::map<std::string, std::string> labels(const std::string& name) {
  return {{"controller", name}, {"name", name}};
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* metric, const char* help,
                         const std::string& name) {
  return prometheus::BuildGauge().Name(metric).Help(help).Register(registry).Add(labels(name));
}

prometheus::Counter& counter(prometheus::Registry& registry, const char* metric, const char* help,
                             const std::string& name) {
  return prometheus::BuildCounter().Name(metric).Help(help).Register(registry).Add(labels(name));
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* metric, const char* help,
                                 const std::string& name) {
  return prometheus::BuildHistogram().Name(metric).Help(help).Register(registry).Add(labels(name), kSeconds);
}

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

prometheus::MetricFamily gauge_now(const char* metric, const char* help, const std::string& name,
                                   double value) {
  prometheus::ClientMetric sample;
  for (const auto& [label, text] : labels(name)) sample.label.push_back({label, text});
  sample.gauge.value = value;
  return {metric, help, prometheus::MetricType::Gauge, {std::move(sample)}};
}

}  // namespace

// What workers have taken and not given back, and for how long, as of the moment somebody asks.
class InWork final : public prometheus::Collectable {
 public:
  explicit InWork(std::string name) : name_(std::move(name)) {}

  void begin(const ObjectKey& key, WorkQueueCore::TimePoint now) {
    const std::lock_guard lock(mutex_);
    started_[key] = now;
  }
  // How long it took; nothing: it was not begun.
  std::optional<WorkQueueCore::Duration> end(const ObjectKey& key, WorkQueueCore::TimePoint now) {
    const std::lock_guard lock(mutex_);
    const auto started = started_.find(key);
    if (started == started_.end()) return std::nullopt;
    const auto took = now - started->second;
    started_.erase(started);
    return took;
  }
  std::vector<prometheus::MetricFamily> Collect() const override {
    const auto now = runtime::steady_now();
    WorkQueueCore::Duration sum{};
    WorkQueueCore::Duration longest{};
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, since] : started_) {
        sum += now - since;
        longest = std::max(longest, now - since);
      }
    }
    return {gauge_now("workqueue_unfinished_work_seconds",
                      "Seconds of work that is in progress, over all workers.", name_, seconds(sum)),
            gauge_now("workqueue_longest_running_processor_seconds",
                      "How long the longest of the looks in progress has taken.", name_, seconds(longest))};
  }

 private:
  const std::string name_;
  mutable std::mutex mutex_;
  std::map<ObjectKey, WorkQueueCore::TimePoint> started_;
};

WorkQueue::WorkQueue(runtime::Metrics& metrics, const std::string& name)
    : in_work_(std::make_shared<InWork>(name)),
      depth_(gauge(metrics.registry(), "workqueue_depth", "Objects waiting to be reconciled.", name)),
      adds_(counter(metrics.registry(), "workqueue_adds_total", "Objects added to the queue.", name)),
      retries_(counter(metrics.registry(), "workqueue_retries_total", "Objects added again after a failure.",
                       name)),
      queue_seconds_(histogram(metrics.registry(), "workqueue_queue_duration_seconds",
                               "How long an object waited in the queue.", name)),
      work_seconds_(histogram(metrics.registry(), "workqueue_work_duration_seconds",
                              "How long reconciling an object took.", name)) {
  metrics.add(in_work_);
}

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
      in_work_->begin(taken->key, now);
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
  if (const auto took = in_work_->end(key, now)) work_seconds_.Observe(seconds(*took));
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
