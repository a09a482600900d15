#include "pool/common/settings/access_log.h"

#include <algorithm>

namespace storagepool::settings {

std::optional<AccessLog> parse_access_log(std::string_view text) {
  constexpr std::size_t kMostDigits = 7;
  if (text == "off") return AccessLog{};
  if (text == "errors") return AccessLog{.errors = true};
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > kMostDigits || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  std::int64_t one_in = 0;
  for (const char digit : text) one_in = one_in * 10 + (digit - '0');
  if (one_in < 1 || one_in > kMaxAccessLogSample) return std::nullopt;
  return AccessLog{.one_in = one_in};
}

}  // namespace storagepool::settings
