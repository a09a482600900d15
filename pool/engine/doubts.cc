#include "pool/engine/doubts.h"

#include <algorithm>
#include <utility>

namespace storagepool::engine {

bool Doubts::add(TimePoint now, int backend, ConnectionId token) {
  if (doubts_.size() >= kMost) return false;
  doubts_.push_back({.backend = backend, .token = token, .since = now});
  return true;
}

std::vector<int> Doubts::backends() const {
  std::vector<int> backends;
  backends.reserve(doubts_.size());
  for (const Doubt& doubt : doubts_) backends.push_back(doubt.backend);
  return backends;
}

std::vector<ConnectionId> Doubts::settle(const std::vector<int>& backends) {
  std::vector<ConnectionId> free;
  std::erase_if(doubts_, [&](const Doubt& doubt) {
    if (std::ranges::find(backends, doubt.backend) == backends.end()) return false;
    if (doubt.token != 0) free.push_back(doubt.token);
    return true;
  });
  return free;
}

std::vector<ConnectionId> Doubts::expire(TimePoint now) {
  std::vector<ConnectionId> free;
  for (Doubt& doubt : doubts_) {
    if (doubt.token != 0 && now - doubt.since >= kTokenKept) free.push_back(std::exchange(doubt.token, 0));
  }
  std::erase_if(doubts_, [&](const Doubt& doubt) { return now - doubt.since >= kForgotten; });
  return free;
}

ConnectionId Doubts::give_up_one() {
  if (std::ranges::any_of(doubts_, &Doubt::given_up)) return 0;
  const auto kept = std::ranges::find_if(doubts_, [](const Doubt& doubt) { return doubt.token != 0; });
  if (kept == doubts_.end()) return 0;
  kept->given_up = true;
  return std::exchange(kept->token, 0);
}

std::size_t Doubts::tokens() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(doubts_, [](const Doubt& doubt) { return doubt.token != 0; }));
}

std::optional<TimePoint> Doubts::next() const {
  if (doubts_.empty()) return std::nullopt;
  const auto kept = std::ranges::find_if(doubts_, [](const Doubt& doubt) { return doubt.token != 0; });
  const TimePoint forgotten = doubts_.front().since + kForgotten;
  return kept == doubts_.end() ? forgotten : std::min(forgotten, kept->since + kTokenKept);
}

}  // namespace storagepool::engine
