// The `Idempotency-Key` request header: repeating a call with the same key stores its events once, although
// the client makes no ids. The key becomes the events' ids, which are client-made from then on.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pool/event/field_error.h"

namespace storagepool::event {

// What is wrong with the header's value, if anything: it is 1 to 255 printable ASCII characters.
std::optional<FieldError> check_idempotency_key(std::string_view key);

// The id of the event at `index` of a call: a UUID of version 8 (RFC 9562, 5.8) from the SHA-256 of all
// arguments, so that the same key of another workspace or of another client (`subject`, empty when clients
// are not told apart) is another key.
std::string idempotent_event_id(std::string_view workspace, std::string_view subject, std::string_view key,
                                std::size_t index);

}  // namespace storagepool::event
