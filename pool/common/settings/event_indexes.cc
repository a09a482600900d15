#include "pool/common/settings/event_indexes.h"

#include <algorithm>

namespace storagepool::settings {

bool accepts_event_index(std::string_view text) {
  return std::find(kEventIndexes.begin(), kEventIndexes.end(), text) != kEventIndexes.end();
}

std::optional<EventIndexes> parse_event_indexes(std::string_view text) {
  EventIndexes indexes;
  for (bool more = true; more;) {
    const std::string_view one = text.substr(0, text.find(','));
    more = one.size() < text.size();
    text.remove_prefix(more ? one.size() + 1 : one.size());
    if (!accepts_event_index(one) || !indexes.emplace(one).second) return std::nullopt;
  }
  return indexes;
}

std::string format_event_indexes(const EventIndexes& indexes) {
  std::string text;
  for (const std::string& index : indexes) text += (text.empty() ? "" : ",") + index;
  return text;
}

}  // namespace storagepool::settings
