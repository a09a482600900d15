// What happened, for people.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace storagepool::manager::faulty_api {

// One line each, with the time since its beginning. Thread-safe.
class Journal {
 public:
  using Clock = std::chrono::steady_clock;

  std::chrono::milliseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_);
  }
  void add(const std::string& line);
  std::string tail(std::size_t lines) const;

 private:
  const Clock::time_point start_ = Clock::now();
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace storagepool::manager::faulty_api
