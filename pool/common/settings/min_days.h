// How long events are kept at least, whatever their clients ask: days by category. The program's command line
// and the StoragePool's spec both go by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::settings {

inline constexpr std::int64_t kMaxRetentionDays = 2555;  // seven years
inline constexpr std::size_t kMaxCategory = 50;          // characters
inline constexpr std::size_t kMaxCategories = 64;

using MinDays = std::map<std::string, std::int64_t, std::less<>>;

inline constexpr std::string_view kAllowedCategory = "1 to 50 letters, digits and _ . : / -";
inline constexpr std::string_view kAllowedMinDays =
    "CATEGORY=DAYS, 64 at most with commas between them, each category once: 1 to 50 letters, digits and "
    "_ . : / -, and 1 to 2555 days";

bool accepts_category(std::string_view text);
// "security=2555,gateway=90"; no value for anything else than kAllowedMinDays.
std::optional<MinDays> parse_min_days(std::string_view text);
// The same text for the same days, in the order of the categories.
std::string format_min_days(const MinDays& days);

}  // namespace storagepool::settings
