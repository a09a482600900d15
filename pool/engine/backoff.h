// When the next connect may start after a failed one: exponential from 100 ms to 5 s with up to half of
// jitter, over as soon as one succeeds. Failures of connects that began before the last counted one are of
// the same outage and do not lengthen it. One pointer while nothing fails.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
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
    const bool known = failing() && started <= outage_->counted_at;
    if (!outage_) outage_ = std::make_unique<Outage>();
    outage_->lasting = lasting;
    outage_->detail = std::move(detail);
    if (known) return;
    outage_->counted_at = now;
    const std::chrono::duration<double> base =
        kShortest * static_cast<double>(1 << std::min(outage_->failures, 10));
    ++outage_->failures;
    const auto jitter = std::uniform_real_distribution<double>(1.0, 1.5)(random);
    const auto delay = std::min<std::chrono::duration<double>>(base, kLongest / 1.5) * jitter;
    outage_->retry_at = now + std::chrono::duration_cast<std::chrono::nanoseconds>(delay);
  }
  void succeeded() { outage_.reset(); }

  bool failing() const { return outage_ != nullptr; }
  bool waiting(TimePoint now) const { return failing() && now < outage_->retry_at; }
  // The rest only while failing.
  TimePoint retry_at() const { return outage_->retry_at; }
  bool lasting() const {
    return failing() && outage_->lasting;
  }  // only a person can mend it, so waiting for it is in vain
  const std::string& detail() const { return outage_->detail; }

 private:
  struct Outage {
    int failures = 0;
    bool lasting = false;
    TimePoint counted_at{};
    TimePoint retry_at{};
    std::string detail;
  };
  std::unique_ptr<Outage> outage_;
};

}  // namespace storagepool::engine
