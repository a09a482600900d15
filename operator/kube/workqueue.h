// The operator's work queue: which objects to reconcile next. A key is queued once however often it is added;
// a key added while it is being worked on comes again afterwards; failures come back with exponential
// back-off, of a minute at most; a user's change goes ahead of new objects, those of what pods and
// controllers have done, and all of them ahead of resyncs and of what a start of the operator finds. Metric
// names as those of client-go's workqueue, so existing dashboards work. WorkQueueCore is pure and
// single-threaded (`now` is passed in); WorkQueue is the blocking, thread-safe wrapper. The queue is bounded
// by the number of distinct keys, that is of objects in the cluster.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "operator/kube/resource.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::kube {

enum class Priority {
  kUser,    // a spec was changed or deleted
  kNew,     // one was made: thousands that come at once keep no user's change waiting
  kChange,  // a child object or a pod's report has changed, or what failed is tried again
  kResync,  // nothing is known to have changed
};

inline constexpr std::chrono::milliseconds kBackoffBase{5};
inline constexpr std::chrono::seconds kBackoffMax{60};

class WorkQueueCore {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  struct Taken {
    ObjectKey key;
    Duration waited;  // from when it became ready
  };

  // True: the key was not queued before (counts as an add). A user's change lifts a queued resync.
  bool add(const ObjectKey& key, Priority priority, TimePoint now);
  // Later; the earlier of two times wins. A delay of 0 or less adds at once.
  void add_after(const ObjectKey& key, Priority priority, Duration delay, TimePoint now);
  // After the key's back-off, or `at_least` if that is longer: kBackoffBase times four with each call, up to
  // kBackoffMax, less up to a fifth by chance; in place of what add_after was told before. As urgent as what
  // has failed, a user's change is not acted on yet. Returns the delay.
  Duration add_rate_limited(const ObjectKey& key, Duration at_least, TimePoint now);
  void forget(const ObjectKey& key);  // success: back-off starts anew

  // The next key, now in work until `done`. Delayed keys that are due become ready first.
  std::optional<Taken> take(TimePoint now);
  void done(const ObjectKey& key, TimePoint now);

  std::optional<TimePoint> next_due() const;  // of the delayed keys
  std::size_t depth() const { return ready_.size(); }
  std::uint64_t adds() const { return adds_; }  // so far

 private:
  struct Ready {
    Priority priority;
    std::uint64_t sequence;
    TimePoint since;
  };
  struct Delayed {
    TimePoint due;
    Priority priority;
  };
  void move_due(TimePoint now);

  std::map<ObjectKey, Ready> ready_;
  std::map<std::pair<Priority, std::uint64_t>, ObjectKey> order_;  // of the ready keys
  std::uint64_t next_sequence_ = 0;
  std::map<ObjectKey, Priority> in_work_;
  std::map<ObjectKey, Priority> again_;  // added while in work
  std::map<ObjectKey, Delayed> delayed_;
  std::set<std::pair<TimePoint, ObjectKey>> by_due_;
  std::map<ObjectKey, int> failures_;  // since the last success
  std::minstd_rand random_;            // no more than to spread what has failed at once
  std::uint64_t adds_ = 0;
};

class InWork;

class WorkQueue {
 public:
  // `name` is the metrics' labels `name` and `controller`, e.g. "storagepool".
  WorkQueue(runtime::Metrics& metrics, const std::string& name);

  void add(const ObjectKey& key, Priority priority);
  void add_after(const ObjectKey& key, Priority priority, std::chrono::milliseconds delay);
  void add_rate_limited(const ObjectKey& key, std::chrono::milliseconds at_least);
  void forget(const ObjectKey& key);

  // Waits for a key; nothing after shut_down. Each key must be given back with `done` before it comes again.
  std::optional<ObjectKey> get();
  void done(const ObjectKey& key);
  // Wakes all waiters; nothing is handed out any more. Idempotent.
  void shut_down();

 private:
  void publish();  // the metrics, after a change

  std::mutex mutex_;
  std::condition_variable ready_;
  WorkQueueCore core_;
  std::shared_ptr<InWork> in_work_;
  bool shut_down_ = false;
  std::uint64_t adds_published_ = 0;
  prometheus::Gauge& depth_;
  prometheus::Counter& adds_;
  prometheus::Counter& retries_;
  prometheus::Histogram& queue_seconds_;
  prometheus::Histogram& work_seconds_;
};

}  // namespace storagepool::kube
