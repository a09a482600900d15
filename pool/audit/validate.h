// Turns the body of `POST /api/v1/audit/events` into an event, or into the list of everything that is wrong
// with it. Pure: the clock is given. A field of the wrong type, length or value is refused here, so that
// PostgreSQL never has to; fields that the contract does not know are ignored, and null means absent.
#pragma once

#include <chrono>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/audit/event.h"
#include "pool/audit/field_error.h"

namespace storagepool::audit {

// How far an event's time may lie from now.
struct TimeLimits {
  std::chrono::minutes future{60};
  std::chrono::hours past{7 * 24};
};

// What the contract leaves open is bounded all the same, so that one page of events is.
inline constexpr std::size_t kMaxOptionalText = 1024;

tl::expected<Event, FieldErrors> validate_event(std::string_view body, Timestamp now,
                                                const TimeLimits& limits = {});

}  // namespace storagepool::audit
