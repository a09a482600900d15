// How many tokens may be on their way from one database to another at a time. Every such move costs a
// connection that could have served somebody and, on the server, the start of a backend: when starts queue
// there, more moves at a time only make all of them slower; when the time goes into round trips, more at a
// time are faster. So the window grows while connects take no longer than the quickest lately, and shrinks
// when they do, as the congestion window of TCP Vegas (Brakmo and Peterson, 1995) does with packets.
#pragma once

#include <algorithm>
#include <chrono>

namespace storagepool::engine {

class ConnectWindow {
 public:
  static constexpr double kLeast = 2;

  // A connect succeeded after this time; `most` is the number of connections there may be.
  void succeeded(std::chrono::nanoseconds took, double most) {
    const double time = std::max(1.0, static_cast<double>(took.count()));
    quickest_ = quickest_ == 0 ? time : std::min(time, quickest_ * kForget);
    const double queued = size_ * (1 - quickest_ / time);
    if (queued < kFewQueued) size_ = std::min(size_ + kStep, std::max(kLeast, most));
    if (queued > kManyQueued) size_ = std::max(size_ - kStep, kLeast);
  }
  // Whether one more may start while so many are on their way.
  bool admits(double moving) const { return moving + 1 <= size_; }

 private:
  static constexpr double kStep = 0.25;
  static constexpr double kFewQueued = 2;  // connects that wait at the server
  static constexpr double kManyQueued = 4;
  static constexpr double kForget = 1 + 1.0 / 512;  // per connect, so that a slower network is noticed

  double quickest_ = 0;  // nanoseconds
  double size_ = kLeast;
};

}  // namespace storagepool::engine
