// Whether a body or an answer gets on: a deadline on progress, not on the whole. Pure; the clock is given.
//
// Two rules: something moves every `silence`, and in each `window` at least `bytes_per_second` on average.
// The windows follow one another; one begins with what moves first after the one before.
#pragma once

#include <chrono>
#include <cstddef>

#include "pool/common/runtime/clock.h"

namespace storagepool::http {

struct Pace {
  std::chrono::milliseconds silence{30'000};
  std::size_t bytes_per_second = 1024;
  std::chrono::milliseconds window{30'000};
};

// The pace of what is sent to a peer of that pace. What a full receiver drops, TCP sends again after twice as
// long each time (RFC 6298, 5.5), so that a peer that has taken nothing for a while may be seen to take
// something twice as late.
Pace pace_of_sending(const Pace& peer);

class Progress {
 public:
  using TimePoint = runtime::TimePoint;

  Progress(const Pace& pace, TimePoint now);

  void moved(std::size_t bytes, TimePoint now);
  // When it is cut if nothing more moves until then.
  TimePoint deadline() const;
  // Since the beginning; what has just begun counts as a second old.
  double bytes_per_second(TimePoint now) const;
  TimePoint began() const { return began_; }

 private:
  TimePoint window_end() const { return window_began_ + pace_.window; }

  Pace pace_;
  std::size_t enough_;  // for a window
  TimePoint began_;
  TimePoint moved_at_;
  TimePoint window_began_;
  std::size_t in_window_ = 0;
  std::size_t total_ = 0;
};

}  // namespace storagepool::http
