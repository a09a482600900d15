#include "pool/event/min_days.h"

namespace storagepool::event {

static_assert(kDefaultRetentionDays == settings::kMaxRetentionDays);  // nothing raises the default

void keep_for_at_least(const settings::MinDays& days, Event& event) {
  const auto least = days.find(event.event_category);
  if (least == days.end() || least->second <= event.retention_days) return;
  event.asked_days = event.retention_days;
  event.retention_days = least->second;
}

}  // namespace storagepool::event
