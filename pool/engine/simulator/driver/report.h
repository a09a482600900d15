// What happened in a schedule, and what of it should not have.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "pool/common/runtime/clock.h"

namespace storagepool::engine::driver_simulator {

class Report {
 public:
  // `traced` keeps the last events, which is slow.
  explicit Report(bool traced) : traced_(traced) {}

  // The first violation is the schedule's.
  void violated(std::string what) {
    if (!violation_) violation_ = std::move(what);
  }
  template <typename... Parts>
  void note(const Parts&... parts) {
    if (!traced_) return;
    const auto micros =
        std::chrono::floor<std::chrono::microseconds>(runtime::steady_now().time_since_epoch());
    std::string line = std::to_string((micros - std::chrono::hours(1)).count()) + " us:";
    ((line += " ", line += text(parts)), ...);
    lines_.push_back(std::move(line));
    if (lines_.size() > kLinesKept) lines_.pop_front();
  }
  const std::optional<std::string>& violation() const { return violation_; }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  static constexpr std::size_t kLinesKept = 120;
  static std::string text(const std::string& part) { return part; }
  static std::string text(const char* part) { return part; }
  template <typename Number>
  static std::string text(Number part) {
    return std::to_string(part);
  }

  const bool traced_;
  std::optional<std::string> violation_;
  std::deque<std::string> lines_;
};

}  // namespace storagepool::engine::driver_simulator
