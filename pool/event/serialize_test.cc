#include "pool/event/serialize.h"

#include <gtest/gtest.h>

#include "pool/event/testing/smallest_event.h"

namespace storagepool::event {
namespace {

Event smallest() {
  Event event = testing::smallest_event("0190a6e2-9b7c-7def-8123-456789abcdef", "2026-02-28T23:59:59.120Z");
  event.event_data = "{ \"b\" : 1.10 }";
  return event;
}

TEST(EventToJson, WritesTheMembersInTheContractSOrder) {
  EXPECT_EQ(
      to_json(smallest()),
      R"({"event_id":"0190a6e2-9b7c-7def-8123-456789abcdef","event_timestamp":"2026-02-28T23:59:59.12Z",)"
      R"("event_date":"2026-02-28","event_type":"t","version":"1.0","event_category":"c","event_action":"a",)"
      R"("event_outcome":"success","correlation_id":"r","parent_event_id":null,"parent_event_date":null,)"
      R"("resource_type":"c","resource_id":"r","severity":"info","actor_id":"c-service","actor_type":"service",)"
      R"("retention_days":2555,"is_sensitive":false,"event_data":{ "b" : 1.10 }})");
}

TEST(EventToJson, AddsWhatIsSetAndEscapesIt) {
  Event event = smallest();
  event.parent_event_id = "aaaaaaaa-9b7c-4def-8123-456789abcdef";
  event.parent_event_date = runtime::parse_date("2026-02-27");
  event.namespace_name = "n\"s";
  event.cluster_id = "";
  event.actor_ip = "::1";
  event.duration_ms = 0;
  event.error_code = "E\\1";
  event.error_message = "line\nbreak é";
  const std::string json = to_json(event);
  EXPECT_NE(
      json.find(
          R"("parent_event_id":"aaaaaaaa-9b7c-4def-8123-456789abcdef","parent_event_date":"2026-02-27T00:00:00Z")"),
      std::string::npos);
  EXPECT_TRUE(
      json.ends_with(R"("event_data":{ "b" : 1.10 },"namespace":"n\"s","cluster_id":"","actor_ip":"::1",)"
                     R"("duration_ms":0,"error_code":"E\\1","error_message":"line\nbreak é"})"))
      << json;
}

TEST(CreatedJson, TellsIdAndWholeSeconds) {
  EXPECT_EQ(
      created_json("id", *runtime::parse_timestamp("2026-02-28T11:22:33.999Z")),
      R"({"event_id":"id","event_timestamp":"2026-02-28T11:22:33Z","message":"Audit event created successfully"})");
}

}  // namespace
}  // namespace storagepool::event
