#include "pool/common/settings/min_days.h"

#include <algorithm>
#include <charconv>

#include "pool/common/settings/comma_list.h"

namespace storagepool::settings {

bool accepts_category(std::string_view text) {
  return !text.empty() && text.size() <= kMaxCategory && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.:/-").find(c) != std::string_view::npos;
  });
}

std::optional<MinDays> parse_min_days(std::string_view text) {
  MinDays all;
  for (const std::string_view one : split_at_commas(text)) {
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos || !accepts_category(one.substr(0, equals))) return std::nullopt;
    const std::string_view number = one.substr(equals + 1);
    std::int64_t days = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), days);
    if (error != std::errc{} || end != number.data() + number.size() || days < 1 || days > kMaxRetentionDays)
      return std::nullopt;
    if (!all.emplace(one.substr(0, equals), days).second || all.size() > kMaxCategories) return std::nullopt;
  }
  return all;
}

std::string format_min_days(const MinDays& days) {
  std::string text;
  for (const auto& [category, number] : days)
    text += (text.empty() ? "" : ",") + category + "=" + std::to_string(number);
  return text;
}

}  // namespace storagepool::settings
