#include "pool/evidence/feed/chunk.h"

#include <algorithm>
#include <chrono>

#include "pool/event/json_object_writer.h"
#include "pool/event/serialize.h"
#include "pool/event/uuid.h"
#include "pool/evidence/entry.h"
#include "pool/reading/windows.h"

namespace storagepool::evidence {
namespace {

// Days that lie in kMonthsAtOnce months wherever they begin.
constexpr std::chrono::days kMostDays{28 * (reading::kMonthsAtOnce - 1)};

}  // namespace

std::optional<std::vector<LoggedEvent>> read_entries(std::uint64_t first, std::string_view entries) {
  std::vector<LoggedEvent> events;
  events.reserve(entries.size() / kEntryBytes);
  runtime::Timestamp earliest = runtime::Timestamp::max();
  runtime::Timestamp latest = runtime::Timestamp::min();
  for (; !entries.empty(); entries.remove_prefix(kEntryBytes)) {
    const auto entry = Entry::read(entries.substr(0, kEntryBytes));
    if (!entry) return std::nullopt;
    earliest = std::min(earliest, entry->event_timestamp);
    latest = std::max(latest, entry->event_timestamp);
    if (latest - earliest > kMostDays) break;
    events.push_back({.seq = first + events.size(),
                      .key = {event::format_uuid(entry->event_id), entry->event_timestamp},
                      .expires_at = entry->event_timestamp + entry->retention});
  }
  return events;
}

std::string item_of(std::uint64_t seq, const event::Event& event) {
  return "{\"seq\":" + std::to_string(seq) + "," + event::to_json(event).substr(1);
}

std::string gone_item_of(const LoggedEvent& event, runtime::Timestamp now) {
  event::JsonObjectWriter item;
  item.integer("seq", static_cast<std::int64_t>(event.seq));
  item.text("event_id", event.key.event_id);
  item.boolean(event.expires_at <= now ? "expired" : "missing", true);
  return item.take();
}

}  // namespace storagepool::evidence
