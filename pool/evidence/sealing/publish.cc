#include "pool/evidence/sealing/publish.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace storagepool::evidence {

std::optional<Floor> Publishing::look(TimePoint now, const Floor& committed, const Standbys& standbys) {
  if (!standbys.any) {
    waiting_.clear();
    return shown_ == committed ? std::nullopt : std::optional(committed);
  }
  // Of a server whose place another has taken, which had not come as far.
  if (waiting() && standbys.position < waiting_.back().position) waiting_.clear();
  const bool is_new = waiting() ? waiting_.back().log != committed : shown_ != committed;
  if (is_new && waiting_.size() < kMostWaiting)
    waiting_.push_back({.log = committed, .position = standbys.position, .since = now - standbys.age});
  const auto left = std::ranges::find_if(waiting_, [&](const Waiting& one) {
    return standbys.flushed ? *standbys.flushed < one.position : now - one.since < kDelay;
  });
  if (left == waiting_.begin()) return std::nullopt;
  const Floor newest = std::prev(left)->log;
  waiting_.erase(waiting_.begin(), left);
  return newest;
}

}  // namespace storagepool::evidence
