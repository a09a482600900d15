// What of `event_data` may say who somebody is, found by the names of its members, whatever they hold: mail
// addresses, telephone numbers, network addresses, social security numbers and payment cards. Pure.
#pragma once

#include <string>
#include <string_view>

#include "pool/event/event.h"

namespace storagepool::event {

// Whether a member of this name (`user_email`, `clientIP`, `card-number`) holds such data.
bool names_personal_data(std::string_view name);

inline constexpr std::string_view kMask = "***";

// The valid JSON text with "***" in place of each such value but null, at any depth; all else byte for byte.
std::string mask_personal_data(std::string_view json);

// Of event_data, and the addresses that the event itself has.
void mask_personal_data(Event& event);

}  // namespace storagepool::event
