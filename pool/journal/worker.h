// The journal's thread and the bounded queue before it. Appends that came while the disk was busy are
// committed together; everything is done in the order in which it was submitted. Thread-safe; answers are
// given on the worker's thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "pool/journal/file.h"

namespace storagepool::journal {

class Worker {
 public:
  struct Append {
    Origin origin;
    std::string record;
    std::int64_t events = 0;
    std::function<bool()> wanted;  // false: nobody waits any more, leave it out
    std::function<void(Outcome<void>)> answer;
  };
  // What is done with the file, giving the answer to send once the statistics tell of it.
  using Task = std::function<std::function<void()>(File&)>;

  Worker(std::unique_ptr<File> file, std::size_t max_queued_bytes);
  // Finishes what is queued.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The error is kFull when too much waits for the disk; there is no answer then.
  Outcome<void> submit(Append append);
  Outcome<void> submit(Task task);

  Statistics statistics() const;

 private:
  using Job = std::variant<Append, Task>;

  void work();
  void process(std::deque<Job>& jobs);
  void commit(std::vector<Append>& group);
  void publish();
  static std::size_t memory_of(const Job& job);
  Outcome<void> enqueue(Job job);

  std::unique_ptr<File> file_;  // the thread's
  const std::size_t max_queued_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::size_t queued_bytes_ = 0;  // of jobs in the queue and under way
  bool stopping_ = false;
  std::int64_t refused_ = 0;  // because too much waited
  Statistics statistics_;     // of the file
  std::thread thread_;        // the last member: it uses all others
};

}  // namespace storagepool::journal
