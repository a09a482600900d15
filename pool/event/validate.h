// Turns the body of `POST /api/v1/audit/events` into an event (and that of a batch into events), or into the
// list of everything that is wrong with it. Pure: the clock is given. A field of the wrong type, length or
// value is refused here, so that PostgreSQL never has to; fields that the contract does not know are ignored,
// and null means absent.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/event/event.h"
#include "pool/event/field_error.h"

namespace storagepool::event {

// How far an event's time may lie from now.
struct TimeLimits {
  std::chrono::milliseconds future = std::chrono::minutes{60};
  std::chrono::milliseconds past = std::chrono::hours{7 * 24};
};

tl::expected<Event, FieldErrors> validate_event(std::string_view body, runtime::Timestamp now,
                                                const TimeLimits& limits = {});

inline constexpr std::size_t kMaxBatchEvents = 500;
// After so many nothing more is looked at, so that the answer stays readable.
inline constexpr std::size_t kMaxBatchErrors = 50;

// The same for the body of `POST /api/v1/audit/events/batch`, a JSON array of 1 to kMaxBatchEvents events.
// The errors name the element and its field, as in "[3].severity". A client-made id may occur once.
tl::expected<std::vector<Event>, FieldErrors> validate_batch(std::string_view body, runtime::Timestamp now,
                                                             const TimeLimits& limits = {});

}  // namespace storagepool::event
