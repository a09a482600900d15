// Event identifiers (RFC 9562) in their canonical form: 36 characters, lower case.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::audit {

// The canonical form of a UUID of any version; no value for anything else, including braces and urn:
// prefixes.
std::optional<std::string> parse_uuid(std::string_view text);

// Version 7: ordered by time, so that new rows go to the end of the primary key.
std::string make_uuid7(std::chrono::sys_time<std::chrono::milliseconds> now,
                       const std::array<std::uint8_t, 10>& random);

// The above from the system's clock and random source; throws std::system_error when the latter fails.
std::string new_event_id();

inline constexpr std::string_view kNilUuid = "00000000-0000-0000-0000-000000000000";

}  // namespace storagepool::audit
