#include "pool/evidence/proving/chain.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "pool/event/uuid.h"

namespace storagepool::evidence {
namespace {

// In ids of batches, whose lower 12 bits are random (batch_id).
constexpr std::int64_t kMargin = std::int64_t{std::chrono::microseconds{std::chrono::minutes{10}}.count()}
                                 << 12;

std::optional<std::array<std::uint8_t, 16>> bytes_of(const std::string& event_id) {
  const auto bytes = event::uuid_bytes(event_id);
  if (!bytes) return std::nullopt;
  std::array<std::uint8_t, 16> id{};
  std::ranges::transform(*bytes, id.begin(), [](char byte) { return static_cast<std::uint8_t>(byte); });
  return id;
}

}  // namespace

Chain::Chain(const Keys& keys, std::string correlation_id)
    : writer_(keys), correlation_id_(std::move(correlation_id)), tags_(writer_.tags(correlation_id_)) {}

std::optional<tlog::Hash> Chain::leaf_of(const event::Event& event) {
  const auto entry = writer_.entry_of_row(event);
  if (!entry) return std::nullopt;
  return hasher_.leaf(*entry);
}

void Chain::tampered(TamperedEvent event) {
  previous_wanted_ = report_.tampered.size() < kMaxTampered;
  if (previous_wanted_) {
    report_.tampered.push_back(std::move(event));
  } else {
    ++report_.more_tampered;
  }
}

void Chain::judge(const event::Event& event, const Logged& logged) {
  if (logged.kind == Logged::Kind::kNone) {
    ++report_.skipped;
    return;
  }
  std::optional<tlog::Hash> entry;
  if (!logged.entry.empty()) entry = hasher_.leaf(logged.entry);
  if (std::exchange(previous_wanted_, false)) report_.tampered.back().previous = entry;
  if (logged.kind != Logged::Kind::kBroken && writer_.is_entry_of(logged.entry, event)) {
    ++report_.verified;
    report_.pending += logged.kind == Logged::Kind::kPending ? 1 : 0;
    report_.erased += event::read_erasure(event.event_data) ? 1 : 0;
    return;
  }
  tampered({.event_id = event.event_id,
            .event_timestamp = event.event_timestamp,
            .expected = leaf_of(event),
            .actual = entry,
            .message = logged.kind == Logged::Kind::kBroken
                           ? logged.fault
                           : "it is not as it was stored: its entry is another"});
}

void Chain::take(const event::Event& event, std::optional<std::int64_t> batch, const Logged& logged) {
  ++report_.total;
  if (const auto id = bytes_of(event.event_id)) {
    taken_.insert(*id);
    if (!batch) without_batch_.insert(*id);
  }
  if (batch) {
    if (!batches_) batches_.emplace(*batch, *batch);
    batches_->first = std::min(batches_->first, *batch);
    batches_->second = std::max(batches_->second, *batch);
  }
  judge(event, logged);
}

std::optional<std::pair<std::int64_t, std::int64_t>> Chain::batches() const {
  if (!batches_) return std::nullopt;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return std::pair(std::max<std::int64_t>(batches_->first, kMargin) - kMargin,
                   std::min(batches_->second, kMost - kMargin) + kMargin);
}

bool Chain::is_wanted(const Entry& entry, runtime::Timestamp now) {
  if (std::ranges::find(tags_, entry.tag) == tags_.end()) return false;
  if (without_batch_.erase(entry.event_id) > 0) {
    --report_.skipped;
    previous_wanted_ = false;
    tampered({.event_id = event::format_uuid(entry.event_id),
              .event_timestamp = entry.event_timestamp,
              .message = "it has an entry, of which its row does not tell"});
    previous_wanted_ = false;
    return false;
  }
  if (taken_.contains(entry.event_id)) return false;
  taken_.insert(entry.event_id);
  return entry.event_timestamp + entry.retention > now;
}

void Chain::found(const Entry& entry, const std::optional<event::Event>& event,
                  std::optional<std::int64_t> batch, const Logged& logged) {
  previous_wanted_ = false;
  if (!event) {
    if (logged.kind != Logged::Kind::kBroken) {
      ++report_.missing;
      return;
    }
    tampered({.event_id = event::format_uuid(entry.event_id),
              .event_timestamp = entry.event_timestamp,
              .message = "it is gone, and its entry does not hold: " + logged.fault});
    previous_wanted_ = false;
    return;
  }
  if (event->correlation_id == correlation_id_) {
    take(*event, batch, logged);  // it came meanwhile
    return;
  }
  ++report_.total;
  tampered({.event_id = event->event_id,
            .event_timestamp = entry.event_timestamp,
            .expected = leaf_of(*event),
            .actual = logged.entry.empty() ? std::nullopt : std::optional(hasher_.leaf(logged.entry)),
            .message = "it was of this correlation when it was stored, and is now of another"});
  previous_wanted_ = false;
}

}  // namespace storagepool::evidence
