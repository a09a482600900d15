// What was read from mounted files: read on the first question, and again on the first one after `period`,
// whatever the kubelet did to the links that lead to them meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

namespace storagepool::auth {

// For one thread. T is made by default, then given to `read` each time.
template <typename T>
class Rereading {
 public:
  using Read = std::function<void(T&)>;

  Rereading(Read read, std::chrono::steady_clock::duration period)
      : read_(std::move(read)), period_(period) {}

  const T& at(std::chrono::steady_clock::time_point now) {
    if (!read_at_ || now - *read_at_ >= period_) {
      read_(value_);
      read_at_ = now;
    }
    return value_;
  }

 private:
  Read read_;
  std::chrono::steady_clock::duration period_;
  std::optional<std::chrono::steady_clock::time_point> read_at_;
  T value_{};
};

}  // namespace storagepool::auth
