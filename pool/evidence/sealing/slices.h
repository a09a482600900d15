// When long work on the pod's thread lets others come first. Slices are pure, with the clock given.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/runtime/clock.h"

namespace storagepool::evidence {

// Work goes on for a slice, then others have their turn. What comes then is short where hardly anybody wants
// the thread, and a share of the time that others took where many do, so that the work gets done all the
// same.
class Slices {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::microseconds kShortest{50};
  static constexpr int kShare = 8;  // of the time: one part to the work, so many to others

  explicit Slices(TimePoint now) : began_(now) {}

  bool over(TimePoint now) const { return now - began_ >= length_; }
  // Others had their turn from then until then.
  void begin(TimePoint left, TimePoint now) {
    length_ = std::max<std::chrono::steady_clock::duration>(kShortest, (now - left) / kShare);
    began_ = now;
  }

 private:
  TimePoint began_;
  std::chrono::steady_clock::duration length_ = kShortest;
};

// Once a slice is over: who waits for the thread has it first, and then another begins.
inline boost::asio::awaitable<void> give_way(Slices& slices, const runtime::Clock& clock) {
  const auto left = clock.now();
  co_await boost::asio::post(boost::asio::use_awaitable);
  slices.begin(left, clock.now());
}

}  // namespace storagepool::evidence
