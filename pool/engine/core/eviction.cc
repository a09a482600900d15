#include "pool/engine/core/eviction.h"

#include <algorithm>

namespace storagepool::engine {

using std::chrono::nanoseconds;

nanoseconds Eviction::patience() const {
  return std::min<nanoseconds>(kPatience, acquire_timeout_ / kPatiencesPerTimeout);
}

nanoseconds Eviction::hesitation() const {
  return patience() / kHesitationsPerPatience;
}

void Eviction::add(std::uint32_t connection, bool system) {
  if (connection >= connections_.size()) connections_.resize(connection + 1);
  connections_[connection] = {.idle_since = {}, .segment = system ? kSystem : kOnce};
}

std::uint32_t Eviction::least_recently_used() const {
  std::uint32_t found = kNone;
  for (const auto& list : idle_) {
    const auto index = list.front();
    if (index != kNone && (found == kNone || idle_since(index) < idle_since(found))) found = index;
  }
  return found;
}

std::uint32_t Eviction::victim(TimePoint now, Shortage shortage) const {
  const auto age = [&](std::uint32_t index) { return now - idle_since(index); };
  const auto once = idle_[kOnce].front();
  const auto again = idle_[kAgain].front();
  const auto system = idle_[kSystem].front();
  std::uint32_t found = once == kNone ? again : once;
  if (once != kNone && again != kNone && age(again) > kAgainFactor * age(once)) found = again;
  if (shortage.ordinary && found != kNone) return found;
  if (!shortage.any || system == kNone) return shortage.any ? found : kNone;
  return found == kNone || age(system) > age(found) ? system : found;
}

TimePoint Eviction::ripe(std::uint32_t connection, TimePoint arrived) const {
  return std::min(idle_since(connection) + hesitation(), arrived + patience());
}

}  // namespace storagepool::engine
