// An event with every required member and no other, for tests.
#pragma once

#include <string>

#include "pool/event/event.h"

namespace storagepool::event::testing {

inline Event smallest_event(const std::string& id, const std::string& time) {
  return {.event_id = id,
          .event_timestamp = *runtime::parse_timestamp(time),
          .version = "1.0",
          .event_type = "t",
          .event_category = "c",
          .event_action = "a",
          .event_outcome = "success",
          .correlation_id = "r",
          .resource_type = "c",
          .resource_id = "r",
          .severity = "info",
          .actor_id = "c-service",
          .actor_type = "service",
          .event_data = "{}"};
}

}  // namespace storagepool::event::testing
