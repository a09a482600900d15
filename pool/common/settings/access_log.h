// Which requests are logged: none, those that failed, or one in so many.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace storagepool::settings {

struct AccessLog {
  bool errors = false;      // those answered with 400 or above
  std::int64_t one_in = 0;  // of all; 0: none

  bool operator==(const AccessLog&) const = default;
};

inline constexpr std::int64_t kMaxAccessLogSample = 1'000'000;
inline constexpr std::string_view kAllowedAccessLog = "off, errors or a whole number from 1 to 1000000";

// "off", "errors", or one in how many; nothing for anything else.
std::optional<AccessLog> parse_access_log(std::string_view text);

}  // namespace storagepool::settings
