// When the next connect may start after a failed one: a fiftieth of the outage so far, within 10 ms and 0.75
// s and with up to half of jitter, over as soon as one succeeds. So service is back within a thirtieth of the
// time for which it was away, and within a second. A dead server sees at most fifty attempts, one at a time,
// while an outage grows by a factor of e, and two a second of a long one. Failures of connects that began
// before the last counted one are of the same outage and do not put off the next attempt. One pointer while
// nothing fails.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "pool/engine/core/types.h"

namespace storagepool::engine {

class Backoff {
 public:
  static constexpr std::chrono::milliseconds kShortest{10};
  static constexpr std::chrono::milliseconds kLongest{750};
  static constexpr double kJitter = 1.5;  // at most

  // Without the jitter.
  static std::chrono::nanoseconds delay(std::chrono::nanoseconds outage) {
    constexpr int kDelaysPerOutage = 50;
    const std::chrono::duration<double, std::nano> longest = kLongest / kJitter;
    return std::clamp<std::chrono::nanoseconds>(
        outage / kDelaysPerOutage, kShortest, std::chrono::duration_cast<std::chrono::nanoseconds>(longest));
  }

  void failed(TimePoint now, TimePoint started, bool lasting, std::string detail, std::mt19937_64& random) {
    const bool known = failing() && started <= outage_->counted_at;
    if (!outage_) outage_ = std::make_unique<Outage>(Outage{.began = started});
    outage_->lasting = lasting;
    outage_->detail = std::move(detail);
    if (known) return;
    outage_->counted_at = now;
    const auto jitter = std::uniform_real_distribution<double>(1.0, kJitter)(random);
    outage_->retry_at =
        now + std::chrono::duration_cast<std::chrono::nanoseconds>(delay(now - outage_->began) * jitter);
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
    TimePoint began;
    bool lasting = false;
    TimePoint counted_at{};
    TimePoint retry_at{};
    std::string detail = {};
  };
  std::unique_ptr<Outage> outage_;
};

}  // namespace storagepool::engine
