// The head of an answer as it goes over the wire (RFC 9112 §4, §5). Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/http/message/message.h"

namespace storagepool::http {

// Whether every field can be sent as it is: names are tokens, values hold no control character but tab.
bool sendable(const Response& response);

// Whether this answer may have a body at all (not 1xx, 204, 304).
bool may_have_body(unsigned status);

// Status line and fields up to and including the empty line. Content-Length tells the body's size also where
// the body itself is left out (HEAD); a body whose size is not known comes in chunks, or, where the client
// takes none, to the end of the connection. `keep_alive` is how long the connection is kept for a next
// request; none: it is closed. `response` must be sendable.
std::string format_head(const Response& response, std::string_view request_id,
                        std::optional<std::chrono::milliseconds> keep_alive,
                        std::chrono::system_clock::time_point now, bool takes_chunks = true);

}  // namespace storagepool::http
