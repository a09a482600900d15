#include "pool/evidence/proving/places.h"

#include <algorithm>

#include "pool/event/uuid.h"
#include "pool/evidence/entry.h"

namespace storagepool::evidence {
namespace {

bool agrees(const SealRow& seal) {
  return seal.batches.size() == seal.counts.size() &&
         std::ranges::all_of(seal.counts, [](std::int64_t count) { return count > 0; });
}

}  // namespace

std::optional<std::string> kept_entries(std::string_view entries,
                                        const std::optional<std::vector<std::int64_t>>& kept) {
  if (entries.size() % kEntryBytes != 0) return std::nullopt;
  if (!kept) return std::string(entries);
  if (!is_kept_of(*kept, static_cast<std::int64_t>(entries.size() / kEntryBytes))) return std::nullopt;
  std::string some;
  some.reserve(kept->size() * kEntryBytes);
  for (const std::int64_t ordinal : *kept)
    some += entries.substr(static_cast<std::size_t>(ordinal - 1) * kEntryBytes, kEntryBytes);
  return some;
}

std::optional<std::vector<EntryRun>> runs_of(std::span<const SealRow> seals, std::uint64_t first,
                                             std::uint64_t count) {
  std::vector<EntryRun> runs;
  const std::uint64_t end = first + count;
  std::uint64_t next = first;
  for (const SealRow& seal : seals) {
    if (!agrees(seal)) return std::nullopt;
    std::uint64_t begin = seal.first_seq;
    for (std::size_t at = 0; at < seal.batches.size() && next < end; ++at) {
      const std::uint64_t after = begin + static_cast<std::uint64_t>(seal.counts[at]);
      if (next < begin) return std::nullopt;
      if (next < after) {
        const std::uint64_t until = std::min(after, end);
        runs.push_back({.batch = seal.batches[at], .skip = next - begin, .count = until - next});
        next = until;
      }
      begin = after;
    }
  }
  if (next != end) return std::nullopt;
  return runs;
}

std::optional<std::size_t> find_entry(std::string_view entries, std::string_view event_id) {
  const auto id = event::uuid_bytes(event_id);
  if (!id) return std::nullopt;
  const auto is_byte = [](std::uint8_t byte, char of_id) { return byte == static_cast<std::uint8_t>(of_id); };
  for (std::size_t at = 0; at * kEntryBytes < entries.size(); ++at) {
    const auto entry = Entry::read(entries.substr(at * kEntryBytes, kEntryBytes));
    if (entry && std::ranges::equal(entry->event_id, *id, is_byte)) return at;
  }
  return std::nullopt;
}

std::optional<EntryPlace> place_of(std::string_view event_id, std::int64_t batch, std::string_view kept,
                                   const SealRow& seal) {
  const auto found = std::ranges::find(seal.batches, batch);
  if (!agrees(seal) || found == seal.batches.end()) return std::nullopt;
  std::uint64_t seq = seal.first_seq;
  for (auto at = seal.batches.begin(); at != found; ++at)
    seq += static_cast<std::uint64_t>(seal.counts[static_cast<std::size_t>(at - seal.batches.begin())]);
  const std::int64_t count = seal.counts[static_cast<std::size_t>(found - seal.batches.begin())];
  if (kept.size() != static_cast<std::size_t>(count) * kEntryBytes) return std::nullopt;
  const auto at = find_entry(kept, event_id);
  if (!at) return std::nullopt;
  return EntryPlace{.seq = seq + *at, .entry = std::string(kept.substr(*at * kEntryBytes, kEntryBytes))};
}

}  // namespace storagepool::evidence
