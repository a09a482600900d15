#include "pool/recording/replay_pacing.h"

#include <algorithm>

namespace storagepool::recording {

using std::chrono::nanoseconds;

ReplayPacing::ReplayPacing(const ReplayLimits& limits) : limits_(limits) {}

ReplayPacing::Action ReplayPacing::next(TimePoint now, std::int64_t waiting_units) const {
  if (waiting_units == 0) return Wait{};
  if (now < not_before_) return Wait{not_before_};
  return Take{.max_events = events_, .max_bytes = limits_.max_bytes};
}

void ReplayPacing::stored(TimePoint now, nanoseconds took, bool live_requests_wait) {
  failures_ = 0;
  events_ = std::min(events_ * 2, limits_.max_events);
  not_before_ = live_requests_wait ? now + took : now;
}

void ReplayPacing::failed(TimePoint now, std::mt19937_64& random) {
  // Doubled each time, and the lower half of it is left to chance.
  constexpr int kDoublings = 20;
  const nanoseconds shortest = limits_.shortest_backoff;
  const nanoseconds longest = limits_.longest_backoff;
  const nanoseconds full = std::min(shortest * (std::int64_t{2} << std::min(failures_, kDoublings)), longest);
  std::uniform_int_distribution<std::int64_t> delay(std::max(full / 2, shortest).count(), full.count());
  not_before_ = now + nanoseconds(delay(random));
  events_ = std::max<std::size_t>(events_ / 2, 1);
  ++failures_;
}

}  // namespace storagepool::recording
