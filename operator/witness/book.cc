#include "operator/witness/book.h"

#include <utility>

namespace storagepool::witness {
namespace {

// Also where a clock was set back.
bool is_over(runtime::Timestamp since, runtime::Timestamp now, std::chrono::minutes period) {
  return now < since || now - since >= period;
}

}  // namespace

void Book::keep(const kube::ObjectKey& pool, std::string uid, Floor floor, Timestamp at) {
  Entry& entry = entries_[pool];
  entry.uid = std::move(uid);
  if (entry.next == floor) entry.next.reset();
  entry.floor = std::move(floor);
  entry.at = at;
}

void Book::forget(const kube::ObjectKey& pool) {
  entries_.erase(pool);
}

std::vector<std::pair<kube::ObjectKey, std::string>> Book::known() const {
  std::vector<std::pair<kube::ObjectKey, std::string>> known;
  for (const auto& [pool, entry] : entries_) known.emplace_back(pool, entry.uid);
  return known;
}

const Floor* Book::floor(const kube::ObjectKey& pool) const {
  const auto found = entries_.find(pool);
  return found != entries_.end() && found->second.floor ? &*found->second.floor : nullptr;
}

std::optional<settings::LogFloor> Book::next(const kube::ObjectKey& pool, const settings::LogFacts& pod,
                                             Timestamp now, const std::string& restart, bool hurry) {
  const Floor* kept = floor(pool);
  if (kept != nullptr && !restart.empty()) {
    Entry& entry = entries_[pool];
    if (entry.next || (entry.asked && !is_over(*entry.asked, now, kAskAgain))) return std::nullopt;
    entry.asked = now;
    return settings::LogFloor{.checkpoint = kept->note.write(),
                              .grow = true,
                              .restart = settings::LogRestart{.epoch = kept->epoch + 1, .reason = restart}};
  }
  const auto size = kept == nullptr ? 0 : static_cast<std::int64_t>(kept->checkpoint.size);
  const bool is_later = kept != nullptr && pod.epoch > kept->epoch;  // than what is kept
  const bool fewer_signatures = kept != nullptr && pod.floor == size && pod.signatures &&
                                *pod.signatures < static_cast<std::int64_t>(kept->note.signatures.size());
  const bool tell = (pod.floor < size || fewer_signatures) && !is_later;
  bool grow = (is_later || pod.size > size || (hurry && kept != nullptr)) && pod.alarm.empty();
  if (grow) {
    Entry& entry = entries_[pool];
    const bool rests = kept != nullptr && !is_later && !hurry && !is_over(entry.at, now, kPeriod);
    const bool asked = entry.asked && !is_over(*entry.asked, now, kAskAgain);
    grow = !rests && !asked && !entry.next;
    if (grow) entry.asked = now;
  }
  if (!tell && !grow) return std::nullopt;
  return settings::LogFloor{
      .checkpoint = kept == nullptr ? "" : kept->note.write(), .grow = grow, .restart = {}};
}

void Book::found(const kube::ObjectKey& pool, tl::expected<Floor, Refusal> examined) {
  const auto known = entries_.find(pool);
  if (known == entries_.end()) return;
  Entry& entry = known->second;
  if (!examined) {
    if (examined.error().inconsistent) entry.inconsistency = std::move(examined.error().why);
    return;
  }
  entry.inconsistency.clear();
  const bool grown = !entry.floor || examined->epoch > entry.floor->epoch ||
                     examined->checkpoint.size > entry.floor->checkpoint.size;
  if (grown) entry.next = *std::move(examined);
}

void Book::cosigned(const kube::ObjectKey& pool, const std::string& checkpoint,
                    const tlog::NoteSignature& by) {
  const auto known = entries_.find(pool);
  if (known == entries_.end() || !known->second.floor) return;
  Entry& entry = known->second;
  Floor next = entry.next ? *entry.next : *entry.floor;
  if (next.note.text != checkpoint) return;
  std::erase_if(next.note.signatures, [&](const tlog::NoteSignature& one) {
    return one.name == by.name && one.key_id == by.key_id;
  });
  next.note.signatures.push_back(by);
  entry.next = std::move(next);
}

const std::string& Book::inconsistency(const kube::ObjectKey& pool) const {
  static const std::string kNone;
  const auto found = entries_.find(pool);
  return found == entries_.end() ? kNone : found->second.inconsistency;
}

std::vector<std::pair<kube::ObjectKey, Floor>> Book::to_write() const {
  std::vector<std::pair<kube::ObjectKey, Floor>> due;
  for (const auto& [pool, entry] : entries_) {
    if (entry.next) due.emplace_back(pool, *entry.next);
  }
  return due;
}

}  // namespace storagepool::witness
