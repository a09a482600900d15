#include "operator/kube/watch/overlay.h"

#include <algorithm>
#include <utility>

#include "operator/kube/object.h"

namespace storagepool::kube {

void Overlay::written(ObjectPtr object, TimePoint now) {
  const std::uint64_t version = resource_version(*object);
  if (version == 0) return;
  const ObjectKey key = key_of(*object);
  const auto known = entries_.find(key);
  if (known != entries_.end() && known->second.version >= version && now - known->second.at <= kLongest)
    return;
  if (known == entries_.end()) make_room(now);
  entries_.insert_or_assign(key, Entry{std::move(object), version, now});
}

void Overlay::make_room(TimePoint now) {
  if (entries_.size() < kMost) return;
  std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.at > kLongest; });
  if (entries_.size() < kMost) return;
  entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& one, const auto& other) {
    return one.second.at < other.second.at;
  }));
}

void Overlay::seen(const ObjectKey& key, std::uint64_t version) {
  const auto known = entries_.find(key);
  if (known != entries_.end() && known->second.version <= version) entries_.erase(known);
}

void Overlay::listed(std::uint64_t version, TimePoint began) {
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.second.version <= version || entry.second.at < began;
  });
}

ObjectPtr Overlay::find(const ObjectKey& key, TimePoint now) const {
  const auto known = entries_.find(key);
  return known != entries_.end() && now - known->second.at <= kLongest ? known->second.object : nullptr;
}

}  // namespace storagepool::kube
