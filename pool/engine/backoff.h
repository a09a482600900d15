// When the next connect may start after a failed one: exponential from 100 ms to 5 s with up to half of
// jitter, over as soon as one succeeds. Failures of connects that began before the last counted one are of
// the same outage and do not lengthen it.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <utility>

namespace storagepool::engine {

class Backoff {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kShortest{100};
  static constexpr std::chrono::milliseconds kLongest{5000};

  void failed(TimePoint now, TimePoint started, bool lasting, std::string detail, std::mt19937_64& random) {
    lasting_ = lasting;
    detail_ = std::move(detail);
    if (failures_ > 0 && started <= counted_at_) return;
    counted_at_ = now;
    const std::chrono::duration<double> base = kShortest * static_cast<double>(1 << std::min(failures_, 10));
    ++failures_;
    const auto jitter = std::uniform_real_distribution<double>(1.0, 1.5)(random);
    const auto delay = std::min<std::chrono::duration<double>>(base, kLongest / 1.5) * jitter;
    retry_at_ = now + std::chrono::duration_cast<std::chrono::nanoseconds>(delay);
  }
  void succeeded() { *this = {}; }

  bool failing() const { return failures_ > 0; }
  bool waiting(TimePoint now) const { return failing() && now < retry_at_; }
  TimePoint retry_at() const { return retry_at_; }
  bool lasting() const { return lasting_; }  // only a person can mend it, so waiting for it is in vain
  const std::string& detail() const { return detail_; }

 private:
  int failures_ = 0;
  bool lasting_ = false;
  TimePoint counted_at_{};
  TimePoint retry_at_{};
  std::string detail_;
};

}  // namespace storagepool::engine
