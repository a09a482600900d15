// Vectors of form 1, which never change: events, and their heads and entries.
#pragma once

#include <string>
#include <string_view>

#include "pool/event/testing/smallest_event.h"
#include "pool/evidence/evidence.h"

namespace storagepool::evidence::testing {

inline constexpr const char* kId = "0190a6e2-9b7c-7def-8123-456789abcdef";

inline event::Event smallest() {
  return event::testing::smallest_event(kId, "2026-02-28T11:22:33.1234Z");
}

inline event::Event fullest() {
  event::Event event = smallest();
  event.id_from_client = true;
  event.event_data = R"({ "b" : [1.50, 1e-20000, "\u00e9 \n"], "b" : { } })";
  event.correlation_id = "r-\u00e9\U0001F600";
  event.resource_id = "\"\\/\b\f\n\r\t\x01\x7F";
  event.parent_event_id = "0190a6e2-9b7c-7def-8123-456789abcdee";
  event.parent_event_date = runtime::parse_date("2026-02-27");
  event.retention_days = 30;
  event.is_sensitive = true;
  event.namespace_name = "n";
  event.cluster_id = "";
  event.actor_ip = "2001:db8::1";
  event.duration_ms = 9007199254740993;
  event.error_code = "E1";
  event.error_message = "broke: \u00e9\n";
  event.client_event_id = "order 4711";
  event.principal = "system:serviceaccount:payments:gateway";
  event.received_at = runtime::parse_timestamp("2026-02-28T11:22:34Z");
  event.received_from = "192.0.2.7";
  event.salt = "MDEyMzQ1Njc4OWFiY2RlZg==";
  return event;
}

inline constexpr std::string_view kSmallestHead =
    R"({"actor_id":"c-service","actor_type":"service","correlation_id":"r")"
    R"(,"event_action":"a","event_category":"c")"
    R"(,"event_data_sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")"
    R"(,"event_id":"0190a6e2-9b7c-7def-8123-456789abcdef","event_outcome":"success")"
    R"(,"event_timestamp":"2026-02-28T11:22:33.1234Z","event_type":"t","is_sensitive":false)"
    R"(,"resource_id":"r","resource_type":"c","retention_days":2555,"severity":"info")"
    R"(,"version":"1.0"})";
inline constexpr std::string_view kFullestHead =
    R"({"actor_id":"c-service","actor_ip":"2001:db8::1","actor_type":"service")"
    R"(,"client_event_id":"order 4711","cluster_id":"","correlation_id":"r-é😀")"
    R"(,"duration_ms":9007199254740993,"error_code":"E1")"
    R"(,"error_message_sha256":"73dc9c0dc5dd927661558d926c00c79a86d2963c570fab654d4a23bafd601c42")"
    R"(,"event_action":"a","event_category":"c")"
    R"(,"event_data_sha256":"b17e400474032e779329a9b49dabc7fb912ce233a5cf905e0d6a44cc67fb43e5")"
    R"(,"event_id":"0190a6e2-9b7c-7def-8123-456789abcdef","event_outcome":"success")"
    R"(,"event_timestamp":"2026-02-28T11:22:33.1234Z","event_type":"t","is_sensitive":true)"
    R"(,"namespace":"n","parent_event_date":"2026-02-27T00:00:00Z")"
    R"(,"parent_event_id":"0190a6e2-9b7c-7def-8123-456789abcdee")"
    R"(,"principal":"system:serviceaccount:payments:gateway")"
    R"(,"received_at":"2026-02-28T11:22:34Z","received_from":"192.0.2.7")"
    R"(,"resource_id":"\"\\/\b\f\n\r\t\u0001)"
    "\x7F"
    R"(","resource_type":"c","retention_days":30)"
    R"(,"salt":"MDEyMzQ1Njc4OWFiY2RlZg==","severity":"info","version":"1.0"})";

}  // namespace storagepool::evidence::testing
