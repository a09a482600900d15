// What of events is indexed besides what always is, where it is asked for. The program's command line and the
// StoragePool's spec both go by it.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace storagepool::settings {

inline constexpr std::array<std::string_view, 2> kEventIndexes{"Actor", "Resource"};
inline constexpr std::string_view kAllowedEventIndexes = "Actor, Resource, or both with a comma, each once";

using EventIndexes = std::set<std::string, std::less<>>;  // of kEventIndexes

bool accepts_event_index(std::string_view text);
// "Actor,Resource"; no value for anything else than kAllowedEventIndexes.
std::optional<EventIndexes> parse_event_indexes(std::string_view text);
// The same text for the same ones.
std::string format_event_indexes(const EventIndexes& indexes);

}  // namespace storagepool::settings
