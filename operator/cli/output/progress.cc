#include "operator/cli/output/progress.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <ostream>
#include <utility>
#include <vector>

namespace storagepool::cli {
namespace {

constexpr std::chrono::seconds kPatience{1};
constexpr std::size_t kAtOnce = 8;

}  // namespace

Progress::Progress(std::ostream& err, bool is_terminal, std::string what, std::size_t steps)
    : err_(err), is_terminal_(is_terminal), what_(std::move(what)), steps_(steps) {
  teller_ = std::thread([this] { tell(); });
}

Progress::~Progress() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  teller_.join();
  if (told_ && is_terminal_) err_ << "\r\033[K" << std::flush;
}

void Progress::step() {
  const std::lock_guard lock(mutex_);
  ++done_;
}

void Progress::tell() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kPatience, [this] { return over_; })) {
    if (told_ && !is_terminal_) continue;
    std::string line = what_;
    if (steps_ > 0) line += ": " + std::to_string(done_) + " of " + std::to_string(steps_);
    err_ << (is_terminal_ ? "\r" + line + " ...\033[K" : line + " ...\n") << std::flush;
    told_ = true;
  }
}

void for_each_at_once(std::size_t count, const std::function<void(std::size_t)>& each) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        each(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < std::min(count, kAtOnce); ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace storagepool::cli
