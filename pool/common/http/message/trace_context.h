// The trace a request belongs to, as its client tells it (W3C Trace Context, `traceparent`). Pure.
#pragma once

#include <string>

#include "pool/common/http/message/message.h"

namespace storagepool::http {

// The trace id: 32 lower-case hexadecimal digits. Empty when the request tells none, more than one, or one
// that is not valid: then it counts as not told (§4.3).
std::string trace_id(const Request& request);

}  // namespace storagepool::http
