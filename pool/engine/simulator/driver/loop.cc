#include "pool/engine/simulator/driver/loop.h"

#include <cstddef>
#include <iterator>

#include "pool/engine/system.h"

namespace storagepool {
namespace engine::driver_simulator {
namespace {

Loop* current = nullptr;  // whose time it is
constexpr TimePoint kBefore{std::chrono::hours(1)};

class VirtualClock : public runtime::Clock {
 public:
  TimePoint now() const override { return current == nullptr ? kBefore : current->now(); }
  runtime::Timestamp wall() const override { return {}; }
};

}  // namespace

Loop::Loop(std::uint64_t seed) : random_(seed), in_order_(seed % 2 == 0) {
  current = this;
}

Loop::~Loop() {
  // What is destroyed here may hold the last of other things that wait, and so may what strands hold.
  for (bool strands = true; strands || !ready_.empty() || !waits_.empty();) {
    std::exchange(ready_, {}).clear();
    std::exchange(waits_, {}).clear();
    if (std::exchange(strands, false)) shutdown();
  }
  current = nullptr;
}

void Loop::add(std::unique_ptr<Task> task) {
  ready_.push_back({std::move(task), ++turns_, now_});
}

void Loop::run_one() {
  const auto at = static_cast<std::ptrdiff_t>(in_order_ ? 0 : random_() % ready_.size());
  const Ready next = std::move(ready_[static_cast<std::size_t>(at)]);
  ready_.erase(ready_.begin() + at);
  turn_ = 4 * next.turn;
  inline_turn_ = 4 * turns_ + 1;
  turn_began_ = next.since;
  running_ = true;
  next.task->run();
  running_ = false;
}

void Loop::advance_to(TimePoint time) {
  now_ = time;
  while (!waits_.empty() && waits_.begin()->first <= now_) {
    const auto due = waits_.extract(waits_.begin());
    due.mapped().wait->end(true);
  }
}

void Loop::wait(TimePoint until, const void* timer, std::unique_ptr<Wait> wait) {
  if (until <= now_) return wait->end(true);
  waits_.emplace(until, Waiting{timer, std::move(wait)});
}

void Loop::cancel(const void* timer) {
  for (auto at = waits_.begin(); at != waits_.end();) {
    const auto next = std::next(at);
    if (at->second.timer == timer) {
      const auto cancelled = waits_.extract(at);
      cancelled.mapped().wait->end(false);
    }
    at = next;
  }
}

}  // namespace engine::driver_simulator

// Linked in place of the clocks of the system.
const runtime::Clock& runtime::system_clock() {
  static const engine::driver_simulator::VirtualClock instance;
  return instance;
}

engine::TimePoint engine::coarse_now() {
  constexpr std::chrono::milliseconds kJiffy{4};
  const TimePoint now = runtime::steady_now();
  return now - now.time_since_epoch() % kJiffy;
}

// The same for every schedule: what is drawn differs by what happens.
std::uint64_t engine::random_seed() {
  return 1;
}

}  // namespace storagepool
