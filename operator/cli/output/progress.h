// Tells people on standard error what is waited for, once that takes more than a second; and asks many at a
// time.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <mutex>
#include <string>
#include <thread>

namespace storagepool::cli {

// From its making to its end something is waited for. On a terminal one line that is written again; elsewhere
// one line in all.
class Progress {
 public:
  Progress(std::ostream& err, bool is_terminal, std::string what, std::size_t steps = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step();  // one of the steps is done; thread-safe

 private:
  void tell();

  std::ostream& err_;
  const bool is_terminal_;
  const std::string what_;
  const std::size_t steps_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t done_ = 0;
  bool over_ = false;
  bool told_ = false;
  std::thread teller_;
};

// Calls `each` with 0 to count - 1, some of them at the same time, and waits for all. An exception of one is
// thrown once all have ended.
void for_each_at_once(std::size_t count, const std::function<void(std::size_t)>& each);

}  // namespace storagepool::cli
