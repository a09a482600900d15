// Events as the wire contract writes them: members in its order, times in UTC with trailing zeros trimmed,
// and `event_data` byte for byte as the client sent it.
#pragma once

#include <string>

#include "pool/event/event.h"

namespace storagepool::event {

std::string to_json(const Event& event);

// The answer to a created event.
std::string created_json(const std::string& event_id, runtime::Timestamp event_timestamp);

}  // namespace storagepool::event
