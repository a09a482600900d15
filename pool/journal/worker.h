// The journal's thread and the bounded queue before it. Appends that came while the disk was busy are
// committed together; everything is done in the order in which it was submitted. Opens the file, again and
// again while that cannot be done, has it salvaged when it proves damaged, and between two jobs looks for
// damage. Thread-safe; answers are given on the worker's thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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
  // What is done with the file, or without one, giving the answer to send once the statistics tell of it.
  // Done once more when the file was found damaged and is salvaged.
  using Task = std::function<std::function<void()>(const Outcome<File*>&)>;

  explicit Worker(Options options);
  // Finishes what is queued.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The error is kFull when too much waits for the disk; there is no answer then.
  Outcome<void> submit(Append append);
  Outcome<void> submit(Task task);

  Statistics statistics() const;
  // Blocks until the file was opened, or could not be for a first time; the error is why.
  tl::expected<void, std::string> wait_for_file();

 private:
  using Job = std::variant<Append, Task>;

  using TimePoint = std::chrono::steady_clock::time_point;

  void work();
  void open();
  bool salvage();
  void process(std::deque<Job>& jobs);
  void commit(std::vector<Append>& group);
  std::vector<Outcome<void>> append(const std::vector<File::Record>& units);
  void upkeep();
  void schedule(std::chrono::steady_clock::duration took);
  Outcome<File*> file() const;
  bool failing() const { return !file_ || file_->failing(); }
  void publish();
  static std::size_t memory_of(const Job& job);
  Outcome<void> enqueue(Job job);

  const Options options_;
  // The thread's:
  std::unique_ptr<File> file_;  // null while it cannot be opened
  Statistics before_;           // what is known of it then
  std::string damage_;          // why it must be salvaged before it is used
  std::string why_not_ = "the journal is being opened";
  bool inspecting_ = true;
  bool failed_ = true;  // at the last look
  TimePoint due_{};     // for upkeep
  std::chrono::milliseconds backoff_{};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::size_t queued_bytes_ = 0;  // of jobs in the queue and under way
  bool stopping_ = false;
  std::optional<tl::expected<void, std::string>> first_try_;  // to open the file
  std::int64_t refused_ = 0;                                  // because too much waited
  Statistics statistics_;                                     // of the file
  std::thread thread_;                                        // the last member: it uses all others
};

}  // namespace storagepool::journal
