#include "operator/reconcile/turns.h"

#include <algorithm>
#include <utility>

namespace storagepool::reconcile {

void Turns::put(const std::string& uid, Place place, runtime::TimePoint now) {
  const std::lock_guard lock(mutex_);
  set(uid, std::move(place), now);
}

void Turns::set(const std::string& uid, Place place, runtime::TimePoint now) {
  const auto known = entries_.find(uid);
  const Stage before = known == entries_.end() ? Stage::kNone : known->second.place.stage;
  if (before == Stage::kRolls && place.stage != Stage::kRolls) ended_ = true;
  if (place.stage == Stage::kNone) {
    if (known != entries_.end()) entries_.erase(known);
    return;
  }
  Entry& entry = entries_[uid];
  if (before != place.stage) entry.since = now;
  entry.place = std::move(place);
}

const Turns::Entry* Turns::rolling_beside(const std::string& uid, bool ready, runtime::TimePoint now) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& known) {
    const Place& place = known.second.place;
    const bool counts = place.ready || !ready || now - known.second.since < kLastAfter;
    return known.first != uid && place.stage == Stage::kRolls && counts;
  });
  return found == entries_.end() ? nullptr : &found->second;
}

bool Turns::take(const std::string& uid, Place place, runtime::TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(uid);
  if (known != entries_.end() && known->second.place.stage == Stage::kRolls) return true;
  place.stage = Stage::kWaits;
  set(uid, place, now);
  if (rolling_beside(uid, place.ready, now) != nullptr) return false;
  if (!place.ready && now - entries_.at(uid).since < kLastAfter) return false;
  const bool others_first =
      !place.ready && std::any_of(entries_.begin(), entries_.end(),
                                  [](const auto& other) { return other.second.place.ready; });
  if (others_first) return false;
  place.stage = Stage::kRolls;
  set(uid, std::move(place), now);
  return true;
}

std::optional<Turns::Ahead> Turns::ahead_of(const std::string& uid, runtime::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(uid);
  const Entry* entry = rolling_beside(uid, known == entries_.end() || known->second.place.ready, now);
  if (entry == nullptr) return std::nullopt;
  return Ahead{.key = entry->place.key, .since = entry->since};
}

std::vector<std::string> Turns::next() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(ended_, false)) return {};
  const auto before = [](const auto& a, const auto& b) {
    const Place& left = a.second.place;
    const Place& right = b.second.place;
    if (left.stage != right.stage) return left.stage == Stage::kWaits;
    return left.ready != right.ready ? left.ready : left.key < right.key;
  };
  const auto first = std::min_element(entries_.begin(), entries_.end(), before);
  return first == entries_.end() ? std::vector<std::string>{} : std::vector<std::string>{first->first};
}

}  // namespace storagepool::reconcile
