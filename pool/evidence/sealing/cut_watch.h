// How long batches have waited for the cut, and when waiting for it is to be given up. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace storagepool::evidence {

class CutWatch {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // A transaction that writes for longer, anywhere on the server, is fenced off.
  static constexpr std::chrono::seconds kPatience{5};

  // What one look has shown: the cut, and whether batches wait for it to move.
  void look(TimePoint now, std::uint64_t cut, bool waiting) {
    if (!waiting) {
      since_.reset();
    } else if (!since_ || cut != cut_) {
      since_ = now;
    }
    cut_ = cut;
  }
  bool over(TimePoint now) const { return age(now) >= kPatience; }
  // The fence was tried: the next one only after as long again.
  void fenced(TimePoint now) { since_ = now; }
  std::chrono::steady_clock::duration age(TimePoint now) const {
    return since_ ? now - *since_ : std::chrono::steady_clock::duration{0};
  }

 private:
  std::uint64_t cut_ = 0;
  std::optional<TimePoint> since_{};
};

}  // namespace storagepool::evidence
