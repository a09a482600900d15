#include <algorithm>

#include "operator/kube/workqueue.h"

namespace storagepool::kube {

bool WorkQueueCore::add(const ObjectKey& key, Priority priority, TimePoint now) {
  if (in_work_.contains(key)) {
    const auto [entry, fresh] = again_.try_emplace(key, priority);
    entry->second = std::min(entry->second, priority);
    adds_ += fresh;
    return fresh;
  }
  const auto [entry, fresh] = ready_.try_emplace(key, Ready{priority, next_sequence_, now});
  Ready& ready = entry->second;
  if (!fresh) {
    if (ready.priority <= priority) return false;
    order_.erase({ready.priority, ready.sequence});
    ready = {priority, next_sequence_, ready.since};
  }
  order_.emplace(std::pair(priority, next_sequence_++), key);
  adds_ += fresh;
  return fresh;
}

void WorkQueueCore::add_after(const ObjectKey& key, Priority priority, Duration delay, TimePoint now) {
  if (delay <= Duration::zero()) {
    add(key, priority, now);
    return;
  }
  const TimePoint due = now + delay;
  const auto [entry, fresh] = delayed_.try_emplace(key, Delayed{due, priority});
  Delayed& delayed = entry->second;
  if (!fresh) by_due_.erase({delayed.due, key});
  delayed.due = std::min(delayed.due, due);
  delayed.priority = std::min(delayed.priority, priority);
  by_due_.emplace(delayed.due, key);
}

WorkQueueCore::Duration WorkQueueCore::add_rate_limited(const ObjectKey& key, Duration at_least,
                                                        TimePoint now) {
  // 5 ms times four, 7 times, is beyond a minute.
  constexpr int kMost = 7;
  int& failures = failures_[key];
  const Duration longest = std::min<Duration>(kBackoffBase * (1 << 2 * failures), kBackoffMax);
  std::uniform_int_distribution<Duration::rep> some(longest.count() * 4 / 5, longest.count());
  failures = std::min(failures + 1, kMost);
  const Duration delay = std::max(Duration(some(random_)), at_least);
  auto priority = Priority::kChange;
  if (const auto failed = in_work_.find(key); failed != in_work_.end())
    priority = std::min(priority, failed->second);
  // What was planned before this failure is not sooner.
  if (const auto planned = delayed_.find(key); planned != delayed_.end()) {
    priority = std::min(priority, planned->second.priority);
    by_due_.erase({planned->second.due, key});
    delayed_.erase(planned);
  }
  add_after(key, priority, delay, now);
  return delay;
}

void WorkQueueCore::forget(const ObjectKey& key) {
  failures_.erase(key);
}

std::optional<WorkQueueCore::Taken> WorkQueueCore::take(TimePoint now) {
  move_due(now);
  if (order_.empty()) return std::nullopt;
  Taken taken{order_.begin()->second, {}};
  order_.erase(order_.begin());
  const auto entry = ready_.find(taken.key);
  taken.waited = now - entry->second.since;
  in_work_.emplace(taken.key, entry->second.priority);
  ready_.erase(entry);
  return taken;
}

void WorkQueueCore::done(const ObjectKey& key, TimePoint now) {
  in_work_.erase(key);
  const auto entry = again_.find(key);
  if (entry == again_.end()) return;
  const Priority priority = entry->second;
  again_.erase(entry);
  add(key, priority, now);
  --adds_;  // counted when it was asked for
}

std::optional<WorkQueueCore::TimePoint> WorkQueueCore::next_due() const {
  if (by_due_.empty()) return std::nullopt;
  return by_due_.begin()->first;
}

void WorkQueueCore::move_due(TimePoint now) {
  while (!by_due_.empty() && by_due_.begin()->first <= now) {
    const ObjectKey key = by_due_.begin()->second;
    by_due_.erase(by_due_.begin());
    const Priority priority = delayed_.at(key).priority;
    delayed_.erase(key);
    add(key, priority, now);
  }
}

}  // namespace storagepool::kube
