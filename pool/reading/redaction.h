// What is shown of events marked is_sensitive to who may not see what they hold. Nor are they found by it:
// see ListQuery::sees_sensitive. Pure.
#pragma once

#include <string_view>

#include "pool/event/event.h"

namespace storagepool::reading {

inline constexpr std::string_view kRedactedData = R"({"redacted":true})";  // in place of event_data

// Of an event that is marked, takes event_data and error_message away; leaves others as they are.
inline void redact(event::Event& event) {
  if (!event.is_sensitive) return;
  event.event_data = kRedactedData;
  event.error_message.reset();
}

}  // namespace storagepool::reading
