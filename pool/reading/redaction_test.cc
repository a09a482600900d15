#include "pool/reading/redaction.h"

#include <gtest/gtest.h>

namespace storagepool::reading {
namespace {

event::Event holding_something() {
  event::Event event;
  event.event_data = R"({"name":"Ada"})";
  event.error_code = "E1";
  event.error_message = "Ada was refused";
  return event;
}

TEST(Redact, TakesAwayWhatAMarkedEventHolds) {
  event::Event event = holding_something();
  event.is_sensitive = true;
  redact(event);
  event::Event expected = holding_something();
  expected.is_sensitive = true;
  expected.event_data = R"({"redacted":true})";
  expected.error_message.reset();
  EXPECT_EQ(event, expected);
}

TEST(Redact, LeavesOtherEventsAsTheyAre) {
  event::Event event = holding_something();
  redact(event);
  EXPECT_EQ(event, holding_something());
}

}  // namespace
}  // namespace storagepool::reading
