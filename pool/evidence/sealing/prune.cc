#include "pool/evidence/sealing/prune.h"

#include <algorithm>

namespace storagepool::evidence {
namespace {

std::uint64_t whole_tiles(std::uint64_t entries) {
  return entries / tlog::kTileWidth * tlog::kTileWidth;
}

// Calls `visit` with the id of each batch and where its entries begin and end, in their order.
template <typename Visit>
void for_each_batch(std::span<const SealRow> seals, Visit visit) {
  for (const SealRow& seal : seals) {
    std::uint64_t begin = seal.first_seq;
    for (std::size_t i = 0; i < std::min(seal.batches.size(), seal.counts.size()); ++i) {
      const std::uint64_t end = begin + static_cast<std::uint64_t>(std::max<std::int64_t>(0, seal.counts[i]));
      visit(seal.batches[i], begin, end);
      begin = end;
    }
  }
}

}  // namespace

std::uint64_t prune_limit(const LogState& state, std::uint64_t floor, std::span<const LogMonth> months,
                          runtime::Timestamp now) {
  std::uint64_t limit = std::min({floor, state.size(), state.min_index + kMaxPruned});
  for (const LogMonth& month : months) {
    if (month.expires + std::chrono::days{1} + kStaysOn > now) limit = std::min(limit, month.first_seq);
  }
  return std::max(state.min_index, whole_tiles(limit));
}

std::uint64_t settled_limit(std::uint64_t min_index, std::uint64_t limit, std::span<const SealRow> seals,
                            runtime::Timestamp now) {
  const std::int64_t newest = batch_id(now - kStaysOn, 0);
  for_each_batch(seals, [&](std::int64_t batch, std::uint64_t begin, std::uint64_t) {
    if (batch > newest) limit = std::min(limit, begin);
  });
  return std::max(min_index, whole_tiles(limit));
}

std::vector<Entry> expired_entries(std::string_view entries, const Tags& held, runtime::Timestamp now) {
  std::vector<Entry> expired;
  for (std::size_t at = 0; at < entries.size(); at += kEntryBytes) {
    const auto entry = Entry::read(entries.substr(at, kEntryBytes));
    if (!entry || entry->event_timestamp + entry->retention + kStaysOn > now || held.contains(entry->tag))
      break;
    expired.push_back(*entry);
  }
  return expired;
}

std::uint64_t prune_end(std::uint64_t min_index, std::size_t expired, std::optional<std::size_t> stored) {
  return min_index + whole_tiles(std::min(expired, stored.value_or(expired)));
}

std::vector<std::int64_t> batches_before(std::uint64_t min_index, std::uint64_t end,
                                         std::span<const SealRow> seals) {
  std::vector<std::int64_t> batches;
  for_each_batch(seals, [&](std::int64_t batch, std::uint64_t, std::uint64_t until) {
    if (until >= min_index && until < end) batches.push_back(batch);
  });
  return batches;
}

}  // namespace storagepool::evidence
