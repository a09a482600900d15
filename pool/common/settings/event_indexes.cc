#include "pool/common/settings/event_indexes.h"

#include <algorithm>

#include "pool/common/settings/comma_list.h"

namespace storagepool::settings {

bool accepts_event_index(std::string_view text) {
  return std::find(kEventIndexes.begin(), kEventIndexes.end(), text) != kEventIndexes.end();
}

std::optional<EventIndexes> parse_event_indexes(std::string_view text) {
  EventIndexes indexes;
  for (const std::string_view one : split_at_commas(text)) {
    if (!accepts_event_index(one) || !indexes.emplace(one).second) return std::nullopt;
  }
  return indexes;
}

std::string format_event_indexes(const EventIndexes& indexes) {
  return join_with_commas(indexes);
}

}  // namespace storagepool::settings
