#include "pool/event/min_days.h"

#include <gtest/gtest.h>

namespace storagepool::event {
namespace {

TEST(MinDays, RaiseWhatAnEventOfTheCategoryIsKeptForAndNeverLowerIt) {
  const settings::MinDays days{{"a", 1}, {"security", 365}, {"z", 2555}};
  const auto kept = [&](const char* category, std::int64_t asked) {
    Event event;
    event.event_category = category;
    event.retention_days = asked;
    keep_for_at_least(days, event);
    EXPECT_EQ(event.asked_days, event.retention_days == asked ? 0 : asked);
    return event.retention_days;
  };
  EXPECT_EQ(kept("security", 1), 365);
  EXPECT_EQ(kept("security", 364), 365);
  EXPECT_EQ(kept("security", 365), 365);
  EXPECT_EQ(kept("security", 366), 366);
  EXPECT_EQ(kept("security", 2555), 2555);
  EXPECT_EQ(kept("a", 1), 1);
  EXPECT_EQ(kept("z", 1), 2555);
  EXPECT_EQ(kept("gateway", 1), 1);
  EXPECT_EQ(kept("Security", 1), 1);
}

}  // namespace
}  // namespace storagepool::event
