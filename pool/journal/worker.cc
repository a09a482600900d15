#include "pool/journal/worker.h"

#include <algorithm>
#include <span>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"

namespace storagepool::journal {

namespace {

constexpr std::chrono::seconds kWatchPeriod{10};
constexpr int kInspectionShare = 4;  // inspecting takes a fifth of the disk's time

}  // namespace

Worker::Worker(Options options) : options_(std::move(options)), statistics_{}, thread_([this] { work(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
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
    if (memory > options_.max_queued_bytes - queued_bytes_) {
      ++refused_;
      return tl::unexpected(Error{Error::Kind::kFull,
                                  "too much waits for the journal's disk: " + std::to_string(queued_bytes_) +
                                      " bytes, allowed are " + std::to_string(options_.max_queued_bytes)});
    }
    queued_bytes_ += memory;
    queue_.push_back(std::move(job));
  }
  changed_.notify_all();
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

tl::expected<void, std::string> Worker::wait_for_file() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return first_try_.has_value(); });
  return *first_try_;
}

void Worker::work() {
  open();
  std::unique_lock lock(mutex_);
  first_try_ = file_ ? tl::expected<void, std::string>() : tl::unexpected(why_not_);
  changed_.notify_all();
  for (;;) {
    changed_.wait_until(lock, due_, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_ && queue_.empty()) return;
    std::deque<Job> taken;
    taken.swap(queue_);
    std::size_t memory = 0;
    for (const Job& job : taken) memory += memory_of(job);
    lock.unlock();
    process(taken);
    if (failing() != failed_) schedule({});
    if (runtime::steady_now() >= due_) upkeep();
    lock.lock();
    queued_bytes_ -= memory;
  }
}

// What nobody waits for.
void Worker::upkeep() {
  const auto began = runtime::steady_now();
  if (!file_) {
    open();
  } else if (file_->failing()) {
    file_->probe();
  } else if (inspecting_) {
    inspecting_ = file_->inspect();
  } else {
    file_->watch();
  }
  salvage();
  publish();
  schedule(runtime::steady_now() - began);
}

void Worker::schedule(std::chrono::steady_clock::duration took) {
  const auto now = runtime::steady_now();
  failed_ = failing();
  if (failed_) {
    backoff_ = std::clamp(2 * backoff_, options_.first_retry, options_.longest_retry);
    due_ = now + backoff_;
    return;
  }
  backoff_ = {};
  due_ = now + (inspecting_ ? kInspectionShare * took : kWatchPeriod);
}

void Worker::open() {
  auto opened = File::open(options_, before_, damage_, runtime::wall_now());
  if (opened) {
    file_ = std::move(*opened);
    damage_.clear();
    inspecting_ = true;
    const Statistics& found = file_->statistics();
    log::info("journal opened", {{"path", options_.path},
                                 {"maxBytes", found.max_bytes},
                                 {"waitingEvents", found.waiting.events},
                                 {"setAside", found.aside.units}});
  } else {
    ++before_.failures;
    if (why_not_ != opened.error()) {
      log::error("the journal is not durable: events are refused while PostgreSQL cannot take them",
                 {{"detail", opened.error()}});
    }
    why_not_ = std::move(opened.error());
  }
  publish();
  schedule({});
}

// True when the file was damaged and there is another one now.
bool Worker::salvage() {
  if (!file_ || file_->damage().empty()) return false;
  damage_ = file_->damage();
  before_ = file_->statistics();
  file_.reset();
  why_not_ = "the journal " + options_.path + " is being salvaged";
  publish();
  open();
  return file_ != nullptr;
}

Outcome<File*> Worker::file() const {
  if (file_) return file_.get();
  return tl::unexpected(Error{Error::Kind::kFailed, why_not_});
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
    const Task& task = std::get<Task>(job);
    auto answer = task(file());
    if (salvage()) answer = task(file());
    publish();
    answer();
    if (file_) file_->maintain();
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
  std::vector<Outcome<void>> outcomes = append(units);
  if (salvage()) outcomes = append(units);
  publish();
  for (std::size_t i = 0; i < group.size(); ++i) group[i].answer(std::move(outcomes[i]));
  group.clear();
  if (file_) file_->maintain();
}

std::vector<Outcome<void>> Worker::append(const std::vector<File::Record>& units) {
  const auto open_file = file();
  if (open_file) return (*open_file)->append(units, runtime::wall_now());
  return std::vector<Outcome<void>>(units.size(), tl::unexpected(open_file.error()));
}

void Worker::publish() {
  Statistics current = file_ ? file_->statistics() : before_;
  current.not_durable_because = file_ ? current.last_failure : why_not_;
  current.durable = current.not_durable_because.empty();
  const std::lock_guard lock(mutex_);
  statistics_ = std::move(current);
}

}  // namespace storagepool::journal
