// Where a page of events ends and the next begins: the place of its last event in the order of a list
// (event_timestamp, then event_id). Opaque to clients. It stays true while events come and go, and the next
// page costs the same however far down it lies. It holds neither filter nor direction: the client repeats
// those.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pool/common/runtime/timestamp.h"

namespace storagepool::reading {

struct Cursor {
  runtime::Timestamp event_timestamp;
  std::string event_id;  // canonical
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// 32 characters of base64url (RFC 4648, 5) without padding: the microseconds since 1970 in 8 bytes, most
// significant first, and the 16 of the id.
std::string format_cursor(const Cursor& cursor);

// No value for anything that `format_cursor` does not write, including times outside the years 1 to 9999.
std::optional<Cursor> parse_cursor(std::string_view text);

}  // namespace storagepool::reading
