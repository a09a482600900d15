// How long an event is kept at least, whatever its client asks.
#pragma once

#include "pool/common/settings/min_days.h"
#include "pool/event/event.h"

namespace storagepool::event {

// Raises what the event is kept for to what its category is kept for at least, and remembers what was asked.
void keep_for_at_least(const settings::MinDays& days, Event& event);

}  // namespace storagepool::event
