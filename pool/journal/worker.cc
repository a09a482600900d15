#include "pool/journal/worker.h"

#include <span>

#include "pool/common/runtime/clock.h"

namespace storagepool::journal {

Worker::Worker(std::unique_ptr<File> file, std::size_t max_queued_bytes)
    : file_(std::move(file)),
      max_queued_bytes_(max_queued_bytes),
      statistics_(file_->statistics()),
      thread_([this] { work(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::size_t Worker::memory_of(const Job& job) {
  constexpr std::size_t kOverhead = 512;
  const auto* append = std::get_if<Append>(&job);
  return kOverhead + (append == nullptr ? 0 : append->record.size() + append->origin.workspace.size());
}

Outcome<void> Worker::enqueue(Job job) {
  const std::size_t memory = memory_of(job);
  {
    const std::lock_guard lock(mutex_);
    if (memory > max_queued_bytes_ - queued_bytes_) {
      ++refused_;
      return tl::unexpected(Error{Error::Kind::kFull,
                                  "too much waits for the journal's disk: " + std::to_string(queued_bytes_) +
                                      " bytes, allowed are " + std::to_string(max_queued_bytes_)});
    }
    queued_bytes_ += memory;
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
  return {};
}

Outcome<void> Worker::submit(Append append) {
  return enqueue(std::move(append));
}

Outcome<void> Worker::submit(Task task) {
  return enqueue(std::move(task));
}

Statistics Worker::statistics() const {
  const std::lock_guard lock(mutex_);
  Statistics all = statistics_;
  all.refused += refused_;
  return all;
}

void Worker::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::deque<Job> taken;
    taken.swap(queue_);
    std::size_t memory = 0;
    for (const Job& job : taken) memory += memory_of(job);
    lock.unlock();
    process(taken);
    lock.lock();
    queued_bytes_ -= memory;
  }
}

void Worker::process(std::deque<Job>& jobs) {
  std::vector<Append> group;
  std::size_t bytes = 0;
  for (Job& job : jobs) {
    if (auto* append = std::get_if<Append>(&job)) {
      if (!group.empty() && bytes + append->record.size() > File::kMaxGroupBytes) {
        commit(group);
        bytes = 0;
      }
      bytes += append->record.size();
      group.push_back(std::move(*append));
      continue;
    }
    commit(group);
    bytes = 0;
    const auto answer = std::get<Task>(job)(*file_);
    publish();
    answer();
    file_->maintain();
  }
  commit(group);
}

void Worker::commit(std::vector<Append>& group) {
  std::erase_if(group, [](const Append& append) { return !append.wanted(); });
  if (group.empty()) return;
  std::vector<File::Record> units;
  units.reserve(group.size());
  for (const Append& append : group) {
    units.push_back({append.origin.workspace, append.origin.incarnation, append.record, append.events});
  }
  std::vector<Outcome<void>> outcomes = file_->append(units, runtime::wall_now());
  publish();
  for (std::size_t i = 0; i < group.size(); ++i) group[i].answer(std::move(outcomes[i]));
  group.clear();
  file_->maintain();
}

void Worker::publish() {
  Statistics current = file_->statistics();
  const std::lock_guard lock(mutex_);
  statistics_ = std::move(current);
}

}  // namespace storagepool::journal
