// How one log record becomes one line of JSON (RFC 8259): `time` (RFC 3339, UTC, milliseconds), `level`,
// `component` (left out when empty) and `message` first, the fields after them in the order given,
// those of a scope (log_scope.h) last. Pure.
// Bytes that are not UTF-8 become U+FFFD, numbers that JSON lacks (NaN, infinity) become null, and a field
// whose name is already taken gets
// `_` appended, so that nothing a caller passes can break the line or hide another value.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "pool/common/runtime/log.h"

namespace storagepool::log {

// Without the line end.
std::string format_line(std::chrono::system_clock::time_point time, Level level, std::string_view component,
                        std::string_view message, Fields fields, std::span<const Field> of_scope = {});

// RFC 3339 in UTC with milliseconds, e.g. "2024-02-29T23:59:59.007Z".
std::string format_time(std::chrono::system_clock::time_point time);

}  // namespace storagepool::log
