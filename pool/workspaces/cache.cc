#include "pool/workspaces/cache.h"

namespace storagepool::workspaces {

Cache::Cache(std::size_t capacity, std::chrono::milliseconds recheck_after)
    : capacity_(capacity), recheck_after_(recheck_after) {}

Cache::Look Cache::look(const std::string& name, TimePoint now) {
  const auto found = places_.find(name);
  if (found == places_.end()) return Look::kMiss;
  entries_.splice(entries_.begin(), entries_, found->second);
  Entry& entry = *found->second;
  if (!entry.expired && now - entry.checked_at < recheck_after_) return Look::kFresh;
  entry.expired = false;
  entry.checked_at = now;
  return Look::kStale;
}

bool Cache::known(const std::string& name, const std::string& incarnation) const {
  const auto found = places_.find(name);
  return found != places_.end() && found->second->incarnation == incarnation;
}

std::string Cache::incarnation(const std::string& name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? std::string() : found->second->incarnation;
}

void Cache::checked(const std::string& name, TimePoint now) {
  const auto found = places_.find(name);
  if (found != places_.end()) found->second->checked_at = now;
}

void Cache::expire(const std::string& name) {
  const auto found = places_.find(name);
  if (found != places_.end()) found->second->expired = true;
}

void Cache::put(const std::string& name, const std::string& incarnation, TimePoint now) {
  erase(name);
  entries_.push_front({name, incarnation, now});
  places_.emplace(name, entries_.begin());
  if (entries_.size() > capacity_) {
    places_.erase(entries_.back().name);
    entries_.pop_back();
  }
}

void Cache::erase(const std::string& name) {
  const auto found = places_.find(name);
  if (found == places_.end()) return;
  entries_.erase(found->second);
  places_.erase(found);
}

}  // namespace storagepool::workspaces
