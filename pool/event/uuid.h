// Event identifiers (RFC 9562) in their canonical form: 36 characters, lower case. Those that we make tell
// the time of their event.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "pool/common/runtime/timestamp.h"

namespace storagepool::event {

inline constexpr std::string_view kNilUuid = "00000000-0000-0000-0000-000000000000";

// The canonical form of a UUID of any version; no value for anything else, including braces and urn:
// prefixes.
std::optional<std::string> parse_uuid(std::string_view text);

// The canonical form of the 16 bytes of a UUID.
std::string format_uuid(std::span<const std::uint8_t, 16> bytes);

// The 16 bytes of a UUID in its canonical form; no value for any other text.
std::optional<std::array<char, 16>> uuid_bytes(std::string_view canonical);

// Version 7: ordered by time, so that new rows go to the end of the primary key.
std::string make_uuid7(std::chrono::sys_time<std::chrono::milliseconds> time,
                       const std::array<std::uint8_t, 10>& random);

// The id of an event of ours: version 7 of its own time, from 1970 on, instead of the time of the call (RFC
// 9562, 6.1 leaves that to us), so that the id tells in which partition the event lies. Random bits from the
// system; throws std::system_error when it has none.
std::string new_event_id(runtime::Timestamp event_timestamp);

// When an event with this id took place if the id is one of ours: from, inclusive, until, exclusive. No value
// for an id that is not of version 7 or tells a time after the year 9999. Of a client's id of version 7 it
// tells nothing for sure.
std::optional<std::pair<runtime::Timestamp, runtime::Timestamp>> id_time_range(std::string_view uuid);

}  // namespace storagepool::event
