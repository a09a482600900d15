#include "pool/event/validate.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace storagepool::event {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

const runtime::Timestamp kNow = *runtime::parse_timestamp("2026-02-28T12:00:00Z");

nlohmann::json valid_body() {
  return {{"version", "1.0"},
          {"event_type", "gateway.signal.received"},
          {"event_timestamp", "2026-02-28T11:59:00.25Z"},
          {"event_category", "gateway"},
          {"event_action", "received"},
          {"event_outcome", "success"},
          {"correlation_id", "rr-1"},
          {"event_data", {{"a", 1}}}};
}

tl::expected<Event, FieldErrors> with(const std::function<void(nlohmann::json&)>& change) {
  nlohmann::json body = valid_body();
  change(body);
  return validate_event(body.dump(), kNow);
}

tl::expected<Event, FieldErrors> with(const std::string& field, const nlohmann::json& value) {
  return with([&](nlohmann::json& body) { body[field] = value; });
}

// The message of the one error, which must be about `field`.
std::string refusal(const std::string& field, const nlohmann::json& value) {
  const auto event = with(field, value);
  if (event) return "accepted";
  EXPECT_EQ(event.error().size(), 1U);
  EXPECT_EQ(event.error().at(0).field, field);
  return event.error().at(0).message;
}

TEST(ValidateEvent, FillsInTheDefaults) {
  const auto event = validate_event(valid_body().dump(), kNow);
  ASSERT_TRUE(event);
  Event expected{.event_timestamp = *runtime::parse_timestamp("2026-02-28T11:59:00.25Z"),
                 .version = "1.0",
                 .event_type = "gateway.signal.received",
                 .event_category = "gateway",
                 .event_action = "received",
                 .event_outcome = "success",
                 .correlation_id = "rr-1",
                 .resource_type = "gateway",
                 .resource_id = "rr-1",
                 .severity = "info",
                 .actor_id = "gateway-service",
                 .actor_type = "service",
                 .retention_days = 2555,
                 .event_data = R"({"a":1})"};
  EXPECT_EQ(*event, expected);
}

TEST(ValidateEvent, KeepsEveryOptionalField) {
  auto body = valid_body();
  body.update({{"actor_type", "user"},
               {"actor_id", "u1"},
               {"actor_ip", "2001:db8::1"},
               {"resource_type", "pod"},
               {"resource_id", "p1"},
               {"namespace", "ns"},
               {"cluster_id", "c1"},
               {"severity", "critical"},
               {"error_code", "E1"},
               {"error_message", "boom"},
               {"duration_ms", 0},
               {"retention_days", 1},
               {"is_sensitive", true},
               {"parent_event_date", "2026-02-27"},
               {"unknown", {{"ignored", true}}},
               {"parent_event_id", "0190A6E2-9B7C-7DEF-8123-456789ABCDEF"},
               {"event_id", "AAAAAAAA-9B7C-4DEF-8123-456789ABCDEF"}});
  const auto event = validate_event(body.dump(), kNow);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->actor_type, "user");
  EXPECT_EQ(event->actor_id, "u1");
  EXPECT_EQ(event->actor_ip, "2001:db8::1");
  EXPECT_EQ(event->resource_type, "pod");
  EXPECT_EQ(event->resource_id, "p1");
  EXPECT_EQ(event->namespace_name, "ns");
  EXPECT_EQ(event->cluster_id, "c1");
  EXPECT_EQ(event->severity, "critical");
  EXPECT_EQ(event->error_code, "E1");
  EXPECT_EQ(event->error_message, "boom");
  EXPECT_EQ(event->duration_ms, 0);
  EXPECT_EQ(event->retention_days, 1);
  EXPECT_TRUE(event->is_sensitive);
  EXPECT_EQ(runtime::format_date(*event->parent_event_date), "2026-02-27");
  EXPECT_EQ(event->parent_event_id, "0190a6e2-9b7c-7def-8123-456789abcdef");
  EXPECT_EQ(event->event_id, "aaaaaaaa-9b7c-4def-8123-456789abcdef");
}

TEST(ValidateEvent, NamesEveryMissingField) {
  const auto event = validate_event("{}", kNow);
  ASSERT_FALSE(event);
  std::vector<std::string> fields;
  for (const auto& error : event.error()) {
    fields.push_back(error.field);
    EXPECT_THAT(error.message, HasSubstr("is required; allowed: "));
  }
  EXPECT_THAT(fields, ElementsAre("version", "event_type", "event_timestamp", "event_category",
                                  "event_action", "event_outcome", "correlation_id", "event_data"));
}

TEST(ValidateEvent, ReadsNullAsAbsent) {
  for (const char* field : {"actor_type", "actor_id", "actor_ip", "resource_type", "resource_id", "namespace",
                            "cluster_id", "parent_event_id", "parent_event_date", "severity", "error_code",
                            "error_message", "duration_ms", "retention_days", "is_sensitive", "event_id"}) {
    const auto event = with(field, nullptr);
    ASSERT_TRUE(event) << field;
    EXPECT_EQ(*event, *validate_event(valid_body().dump(), kNow)) << field;
  }
  EXPECT_THAT(refusal("event_data", nullptr), HasSubstr("is required"));
  EXPECT_THAT(refusal("version", nullptr), HasSubstr("is required"));
}

TEST(ValidateEvent, ReadsAnEmptyOptionalTextAsAbsent) {
  for (const char* field :
       {"actor_type", "actor_id", "actor_ip", "resource_type", "resource_id", "namespace", "cluster_id",
        "parent_event_id", "parent_event_date", "severity", "error_code", "error_message", "event_id"}) {
    const auto event = with(field, "");
    ASSERT_TRUE(event) << field;
    EXPECT_EQ(*event, *validate_event(valid_body().dump(), kNow)) << field;
  }
}

TEST(ValidateEvent, ReadsTheDateOfAParentFromATimeToo) {
  for (const char* text : {"2026-02-27", "2026-02-27T00:00:00Z", "2026-02-28T01:30:00+02:00"}) {
    const auto event = with("parent_event_date", text);
    ASSERT_TRUE(event) << text;
    EXPECT_EQ(runtime::format_date(*event->parent_event_date), "2026-02-27") << text;
  }
}

TEST(ValidateEvent, BoundsTheLengthOfTextsInCharacters) {
  const struct {
    const char* field;
    std::size_t longest;
  } kTexts[] = {{"version", 20},
                {"event_type", 100},
                {"event_category", 50},
                {"event_action", 50},
                {"correlation_id", 255}};
  for (const auto& [field, longest] : kTexts) {
    std::string text;
    for (std::size_t i = 0; i < longest; ++i) text += "é";
    EXPECT_TRUE(with(field, text)) << field;
    EXPECT_THAT(refusal(field, text + "é"),
                HasSubstr("a string of 1 to " + std::to_string(longest) + " characters"));
    EXPECT_THAT(refusal(field, ""), HasSubstr("got \"\"; allowed: a string of 1 to"));
    EXPECT_THAT(refusal(field, 5), HasSubstr("got 5; allowed: a string of 1 to"));
  }
  for (const char* field : {"actor_type", "actor_id", "resource_type", "resource_id", "severity", "namespace",
                            "cluster_id", "error_code"}) {
    EXPECT_TRUE(with(field, std::string(1024, 'x'))) << field;
    EXPECT_THAT(refusal(field, std::string(1025, 'x')), HasSubstr("a string of at most 1024 characters"))
        << field;
    EXPECT_THAT(refusal(field, nlohmann::json::array()), HasSubstr("got an array; allowed: a string"))
        << field;
  }
  EXPECT_TRUE(with("error_message", std::string(100'000, 'x')));
}

TEST(ValidateEvent, BoundsTheTimeOnBothSides) {
  EXPECT_TRUE(with("event_timestamp", "2026-02-28T13:00:00Z"));
  EXPECT_TRUE(with("event_timestamp", "2026-02-28T15:00:00+02:00"));
  EXPECT_TRUE(with("event_timestamp", "2026-02-21T12:00:00Z"));
  EXPECT_TRUE(with("event_timestamp", "2026-02-28T11:00:00.123456789Z"));
  for (const char* bad : {"2026-02-28T13:00:00.000001Z", "2026-02-21T11:59:59.999999Z", "2026-02-28", "now",
                          "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"}) {
    EXPECT_THAT(refusal("event_timestamp", bad),
                HasSubstr("got \"" + std::string(bad) + "\"; allowed: an RFC 3339 time"));
  }
  EXPECT_THAT(refusal("event_timestamp", 1772280000), HasSubstr("got 1772280000"));
}

TEST(ValidateEvent, KnowsTheOutcomes) {
  for (const char* good : {"success", "failure", "pending"}) EXPECT_TRUE(with("event_outcome", good));
  EXPECT_EQ(refusal("event_outcome", "ok"), "got \"ok\"; allowed: success, failure, pending");
  EXPECT_THAT(refusal("event_outcome", true), HasSubstr("got true"));
}

TEST(ValidateEvent, TakesAddressesOnly) {
  for (const char* good : {"192.0.2.7", "::1", "2001:DB8::1", "::ffff:192.0.2.7"})
    EXPECT_TRUE(with("actor_ip", good));
  EXPECT_EQ(with("actor_ip", "2001:DB8:0::1")->actor_ip, "2001:db8::1") << "as it is stored and read back";
  for (const char* bad :
       {"zzz", "192.0.2.256", "192.0.2", "1.2.3.4/8", "fe80::1%eth0", "localhost", "1.2.3.4 "}) {
    EXPECT_THAT(refusal("actor_ip", bad), HasSubstr("allowed: an IPv4 or IPv6 address")) << bad;
  }
}

TEST(ValidateEvent, TakesUuidsAndDatesOnly) {
  EXPECT_THAT(refusal("parent_event_id", "123"), HasSubstr("got \"123\"; allowed: a UUID"));
  for (const char* field : {"event_id", "parent_event_id"}) {
    EXPECT_THAT(refusal(field, "00000000-0000-0000-0000-000000000000"), HasSubstr("other than the nil UUID"));
    EXPECT_THAT(refusal(field, 7), HasSubstr("got 7"));
  }
  EXPECT_THAT(refusal("parent_event_date", "2026-02-30"), HasSubstr("allowed: a date"));
}

TEST(ValidateEvent, BoundsTheNumbers) {
  EXPECT_EQ(with("duration_ms", 9223372036854775807)->duration_ms, 9223372036854775807);
  for (const nlohmann::json& bad : {nlohmann::json(-1), nlohmann::json(1.5), nlohmann::json("5"),
                                    nlohmann::json(9223372036854775808U), nlohmann::json(1e300)}) {
    EXPECT_THAT(refusal("duration_ms", bad), HasSubstr("allowed: an integer of at least 0")) << bad;
  }
  EXPECT_EQ(with("duration_ms", 5.0)->duration_ms, 5);
  EXPECT_EQ(with("retention_days", 0)->retention_days, 2555);
  EXPECT_EQ(with("retention_days", 2555)->retention_days, 2555);
  EXPECT_THAT(refusal("retention_days", 9999), HasSubstr("got 9999; allowed: an integer from 1 to 2555"));
  EXPECT_THAT(refusal("retention_days", -1), HasSubstr("got -1"));
  EXPECT_THAT(refusal("is_sensitive", "true"), HasSubstr("got \"true\"; allowed: true or false"));
}

TEST(ValidateEvent, KeepsEventDataVerbatim) {
  std::string body = valid_body().dump();
  const std::string data = "{ \"z\": 1.50,\n\"a\" : \"\\u00e9\", \"z\":[ ] }";
  body.replace(body.find(R"({"a":1})"), 7, data);
  const auto event = validate_event(body, kNow);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->event_data, data);
  for (const nlohmann::json& bad : {nlohmann::json("{}"), nlohmann::json::array(), nlohmann::json(5)}) {
    EXPECT_THAT(refusal("event_data", bad), HasSubstr("allowed: a JSON object"));
  }
}

TEST(ValidateEvent, RefusesABodyThatIsNotAnObject) {
  for (const char* bad : {"", "[]", "nonsense", "{\"version\":\"\\u0000\"}"}) {
    const auto event = validate_event(bad, kNow);
    ASSERT_FALSE(event);
    EXPECT_THAT(event.error(), ElementsAre(Field(&FieldError::field, "body")));
  }
}

TEST(ValidateEvent, TellsWhoseIdItIs) {
  EXPECT_FALSE(validate_event(valid_body().dump(), kNow)->id_from_client);
  EXPECT_TRUE(with("event_id", "aaaaaaaa-9b7c-4def-8123-456789abcdef")->id_from_client);
}

TEST(ValidateEvent, TakesAnyTextForAnId) {
  const std::string longest = "é" + std::string(254, 'x');
  for (const std::string& text : {std::string("order 4711"), std::string("7"), longest,
                                  std::string("{aaaaaaaa-9b7c-4def-8123-456789abcdef}")}) {
    const auto event = with("event_id", text);
    ASSERT_TRUE(event) << text;
    EXPECT_EQ(event->client_event_id, text);
    EXPECT_EQ(event->event_id, "") << "made later";
    EXPECT_TRUE(event->id_from_client);
  }
  EXPECT_THAT(refusal("event_id", longest + "x"),
              HasSubstr("allowed: a UUID other than the nil UUID, or another text of 1 to 255 characters"));
  EXPECT_EQ(with("event_id", "aaaaaaaa-9b7c-4def-8123-456789abcdef")->client_event_id, std::nullopt);
  const auto without = with("event_id", "");
  EXPECT_EQ(without->client_event_id, std::nullopt);
  EXPECT_FALSE(without->id_from_client);
}

// Every field wrong at once: what clients read, in the order in which they read it.
TEST(ValidateEvent, RefusesEveryFieldInOrder) {
  nlohmann::json body;
  for (const char* field :
       {"event_id",       "event_timestamp", "event_type",     "version",         "event_category",
        "event_action",   "event_outcome",   "correlation_id", "parent_event_id", "parent_event_date",
        "resource_type",  "resource_id",     "severity",       "actor_id",        "actor_type",
        "retention_days", "is_sensitive",    "event_data",     "namespace",       "cluster_id",
        "actor_ip",       "duration_ms",     "error_code",     "error_message"}) {
    body[field] = nlohmann::json::array();
  }
  const auto event = validate_event(body.dump(), kNow);
  ASSERT_FALSE(event);
  std::string told;
  for (const FieldError& error : event.error()) told += error.field + ": " + error.message + "\n";
  EXPECT_EQ(told, R"(version: got an array; allowed: a string of 1 to 20 characters
event_type: got an array; allowed: a string of 1 to 100 characters
event_timestamp: got an array; allowed: an RFC 3339 time with at most nanoseconds, from 168h ago to 1h ahead
event_category: got an array; allowed: a string of 1 to 50 characters
event_action: got an array; allowed: a string of 1 to 50 characters
event_outcome: got an array; allowed: success, failure, pending
correlation_id: got an array; allowed: a string of 1 to 255 characters
event_data: got an array; allowed: a JSON object
actor_type: got an array; allowed: a string
actor_id: got an array; allowed: a string
actor_ip: got an array; allowed: an IPv4 or IPv6 address
resource_type: got an array; allowed: a string
resource_id: got an array; allowed: a string
namespace: got an array; allowed: a string
cluster_id: got an array; allowed: a string
parent_event_id: got an array; allowed: a UUID other than the nil UUID
parent_event_date: got an array; allowed: a date as 2026-02-28, or an RFC 3339 time
severity: got an array; allowed: a string
error_code: got an array; allowed: a string
error_message: got an array; allowed: a string
duration_ms: got an array; allowed: an integer of at least 0
retention_days: got an array; allowed: an integer from 1 to 2555, or 0 for the default of 2555
is_sensitive: got an array; allowed: true or false
event_id: got an array; allowed: a UUID other than the nil UUID, or another text of 1 to 255 characters
)");
}

std::vector<std::string> refused_fields(const std::string& body) {
  const auto events = validate_batch(body, kNow);
  std::vector<std::string> fields;
  if (!events) {
    for (const FieldError& error : events.error()) fields.push_back(error.field);
  }
  return fields;
}

nlohmann::json batch_of(std::size_t count) {
  return nlohmann::json::array_t(count, valid_body());
}

TEST(ValidateBatch, GivesEveryEventInOrder) {
  auto body = batch_of(500);
  for (std::size_t i = 0; i < body.size(); ++i) body[i]["correlation_id"] = std::to_string(i);
  const auto events = validate_batch(body.dump(1), kNow);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 500U);
  for (std::size_t i = 0; i < events->size(); ++i) {
    EXPECT_EQ((*events)[i].correlation_id, std::to_string(i));
    EXPECT_EQ((*events)[i].event_data, "{\n   \"a\": 1\n  }");
  }
}

TEST(ValidateBatch, BoundsTheNumberOfEvents) {
  const auto empty = validate_batch(" [ ] ", kNow);
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().at(0).message, HasSubstr("batch cannot be empty"));
  const auto many = validate_batch(batch_of(501).dump(), kNow);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().at(0).message, "batch size 501 exceeds the maximum of 500");
}

TEST(ValidateBatch, NamesTheElementAndItsField) {
  auto body = batch_of(4);
  body[1] = 5;
  body[3]["severity"] = 7;
  body[3].erase("version");
  EXPECT_THAT(refused_fields(body.dump()), ElementsAre("[1]", "[3].version", "[3].severity"));
  const auto refused = validate_batch(body.dump(), kNow);
  EXPECT_EQ(refused.error().at(0).message, "it must be a JSON object");
  EXPECT_EQ(refused.error().at(2).message, "got 7; allowed: a string");
}

TEST(ValidateBatch, RefusesAnIdTwice) {
  auto body = batch_of(3);
  body[0]["event_id"] = "aaaaaaaa-9b7c-4def-8123-456789abcdef";
  body[2]["event_id"] = "AAAAAAAA-9B7C-4DEF-8123-456789ABCDEF";
  EXPECT_THAT(refused_fields(body.dump()), ElementsAre("[2].event_id"));
  body[0]["event_id"] = body[2]["event_id"] = "order 4711";
  EXPECT_THAT(refused_fields(body.dump()), ElementsAre("[2].event_id"));
  body[2]["event_id"] = "order 4712";
  EXPECT_TRUE(validate_batch(body.dump(), kNow));
}

TEST(ValidateBatch, DoesNotListErrorsWithoutEnd) {
  EXPECT_EQ(refused_fields(nlohmann::json(nlohmann::json::array_t(500, 5)).dump()).size(), kMaxBatchErrors);
}

TEST(ValidateBatch, RefusesWhatIsNotAnArray) {
  for (const char* bad : {"", "{}", "[", "[{}", "[{}}", "[{} {}]", "[] x", "[]]", "null", "nonsense"}) {
    EXPECT_THAT(refused_fields(bad), ElementsAre("body")) << bad;
  }
  const std::string event = valid_body().dump();
  EXPECT_TRUE(validate_batch("[" + event + "]", kNow));
  EXPECT_TRUE(validate_batch(" [" + event + " ,\n" + event + " ]\n", kNow));
  EXPECT_THAT(refused_fields("[" + event + ",]"), ElementsAre("[1]"));
  EXPECT_THAT(refused_fields("[," + event + "]"), ElementsAre("[0]"));
  EXPECT_THAT(refused_fields("[" + event + "x]"), ElementsAre("body"));
  const std::string nul("[\0]", 3);
  EXPECT_FALSE(validate_batch(nul, kNow));
}

}  // namespace
}  // namespace storagepool::event
