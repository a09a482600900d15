#include "pool/common/http/limits/progress.h"

#include <algorithm>

namespace storagepool::http {

Pace pace_of_sending(const Pace& peer) {
  return {.silence = 2 * peer.silence, .bytes_per_second = peer.bytes_per_second, .window = 2 * peer.window};
}

Progress::Progress(const Pace& pace, TimePoint now)
    : pace_(pace),
      enough_(pace.bytes_per_second * static_cast<std::size_t>(pace.window.count()) / 1000),
      began_(now),
      moved_at_(now),
      window_began_(now) {}

void Progress::moved(std::size_t bytes, TimePoint now) {
  if (bytes == 0) return;
  if (now >= window_end()) {
    if (in_window_ < enough_) return;  // too late
    window_began_ = now;
    in_window_ = 0;
  }
  moved_at_ = now;
  in_window_ += bytes;
  total_ += bytes;
}

Progress::TimePoint Progress::deadline() const {
  const TimePoint silent = moved_at_ + pace_.silence;
  return in_window_ >= enough_ ? silent : std::min(silent, window_end());
}

double Progress::bytes_per_second(TimePoint now) const {
  const std::chrono::duration<double> age = now - began_;
  return static_cast<double>(total_) / (age.count() + 1);
}

}  // namespace storagepool::http
