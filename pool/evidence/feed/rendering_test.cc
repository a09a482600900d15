#include "pool/evidence/feed/rendering.h"

#include <regex>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pool/event/testing/smallest_event.h"

namespace storagepool::evidence {
namespace {

using nlohmann::json;

constexpr const char* kId = "0190a6e2-9b7c-7def-8123-456789abcdef";
const Rendering kCloud{FeedFormat::kCloudEvents, "storagepool.dev/test/audit"};
const Rendering kSecurity{FeedFormat::kOcsf, "storagepool.dev/test/audit"};

event::Event smallest() {
  return event::testing::smallest_event(kId, "2026-02-28T11:22:33.123456Z");
}

event::Event whole() {
  event::Event event = smallest();
  event.event_type = "gateway.signal.received";
  event.event_action = "Update";
  event.event_outcome = "failure";
  event.severity = "warning";
  event.actor_id = "alice";
  event.actor_type = "user";
  event.resource_type = "Signal";
  event.resource_id = "s-1";
  event.namespace_name = "payments";
  event.cluster_id = "eu-1";
  event.actor_ip = "10.0.0.1";
  event.received_from = "10.0.0.2";
  event.received_at = *runtime::parse_timestamp("2026-02-28T11:22:34Z");
  event.principal = "gateway";
  event.client_event_id = "theirs";
  event.error_code = "E1";
  event.error_message = "went \"wrong\"";
  event.duration_ms = 7;
  event.event_data = R"({"n":123456789012345678901234567890})";
  return event;
}

LoggedEvent gone() {
  return {.seq = 9,
          .key = {kId, *runtime::parse_timestamp("2026-02-28T00:00:00Z")},
          .expires_at = *runtime::parse_timestamp("2026-03-07T00:00:00Z")};
}
const runtime::Timestamp kBefore = *runtime::parse_timestamp("2026-03-06T00:00:00Z");
const runtime::Timestamp kAfter = *runtime::parse_timestamp("2026-03-07T00:00:00Z");

// What the JSON schema of CloudEvents 1.0 asks for.
void expect_cloud_event(const json& event) {
  for (const char* name : {"id", "source", "specversion", "type"}) {
    ASSERT_TRUE(event.contains(name)) << name;
    ASSERT_TRUE(event.at(name).is_string());
    EXPECT_NE(event.at(name), "");
  }
  EXPECT_EQ(event.at("specversion"), "1.0");
  for (const auto& [name, value] : event.items()) {
    EXPECT_TRUE(std::regex_match(name, std::regex("[a-z0-9]{1,20}"))) << name;
    if (name != "data") {
      EXPECT_TRUE(value.is_string()) << name;
    }
  }
  EXPECT_TRUE(runtime::parse_timestamp(event.at("time").get<std::string>()));
}

// What the schema of OCSF 1.7 asks for in every class, and in API Activity besides.
void expect_ocsf(const json& event) {
  for (const char* name : {"activity_id", "category_uid", "class_uid", "severity_id", "time", "type_uid"}) {
    ASSERT_TRUE(event.contains(name)) << name;
    EXPECT_TRUE(event.at(name).is_number_integer()) << name;
  }
  EXPECT_EQ(event.at("type_uid"),
            event.at("class_uid").get<int>() * 100 + event.at("activity_id").get<int>());
  const json& metadata = event.at("metadata");
  EXPECT_EQ(metadata.at("version"), "1.7.0");
  EXPECT_TRUE(metadata.at("product").at("name").is_string());
  EXPECT_TRUE(metadata.at("sequence").is_number_integer());
  if (event.at("class_uid") == 0) return;
  EXPECT_EQ(event.at("category_uid"), 6);
  EXPECT_EQ(event.at("class_uid"), 6003);
  EXPECT_TRUE(event.at("actor").at("user").at("uid").is_string());
  EXPECT_TRUE(event.at("api").at("operation").is_string());
  EXPECT_TRUE(event.at("src_endpoint").contains("ip") || event.at("src_endpoint").contains("svc_name"));
}

TEST(FeedRendering, AnItemIsThatOfTheFeed) {
  EXPECT_EQ(render({}, 7, smallest()), item_of(7, smallest()));
  EXPECT_EQ(render_gone({}, gone(), kAfter), gone_item_of(gone(), kAfter));
}

TEST(FeedRendering, ACloudEventHoldsTheItem) {
  for (const event::Event& event : {smallest(), whole()}) {
    const std::string text = render(kCloud, 41, event);
    const json cloud = json::parse(text);
    expect_cloud_event(cloud);
    EXPECT_EQ(cloud.at("id"), kId);
    EXPECT_EQ(cloud.at("source"), "storagepool.dev/test/audit");
    EXPECT_EQ(cloud.at("type"), event.event_type);
    EXPECT_EQ(cloud.at("subject"), event.resource_type + "/" + event.resource_id);
    EXPECT_EQ(cloud.at("time"), "2026-02-28T11:22:33.123456Z");
    EXPECT_EQ(cloud.at("sequence"), "00000000000000000041");
    EXPECT_EQ(cloud.at("datacontenttype"), "application/json");
    EXPECT_THAT(text, ::testing::EndsWith(",\"data\":" + item_of(41, event) + "}"));
  }
}

TEST(FeedRendering, ACloudEventHasNoCharacterThatItMustNotHave) {
  event::Event event = smallest();
  event.event_type =
      "a\x01\x7F\xC2\x85z\xEF\xB7\x90\xEF\xBF\xBE\xF4\x8F\xBF\xBF-\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
  const json cloud = json::parse(render(kCloud, 0, event));
  expect_cloud_event(cloud);
  EXPECT_EQ(cloud.at("type"), "a\uFFFD\uFFFD\uFFFDz\uFFFD\uFFFD\uFFFD-\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST(FeedRendering, WhatIsGoneIsACloudEventOfItsOwnType) {
  for (const auto& [now, type] :
       {std::pair{kBefore, "storagepool.event.missing"}, {kAfter, "storagepool.event.expired"}}) {
    const json cloud = json::parse(render_gone(kCloud, gone(), now));
    expect_cloud_event(cloud);
    EXPECT_EQ(cloud.at("type"), type);
    EXPECT_EQ(cloud.at("sequence"), "00000000000000000009");
    EXPECT_EQ(cloud.at("data"), json::parse(gone_item_of(gone(), now)));
  }
}

TEST(FeedRendering, AnApiActivitySaysWhoDidWhatToWhich) {
  const std::string text = render(kSecurity, 41, whole());
  const json ocsf = json::parse(text);
  expect_ocsf(ocsf);
  EXPECT_EQ(ocsf.at("activity_id"), 3);
  EXPECT_EQ(ocsf.at("time"), 1772277753123);
  EXPECT_EQ(ocsf.at("severity_id"), 3);
  EXPECT_EQ(ocsf.at("status_id"), 2);
  EXPECT_EQ(ocsf.at("status_code"), "E1");
  EXPECT_EQ(ocsf.at("status_detail"), "went \"wrong\"");
  EXPECT_EQ(ocsf.at("duration"), 7);
  EXPECT_EQ(ocsf.at("actor"),
            json::parse(R"({"user":{"uid":"alice","type_id":1,"type":"User"},"app_name":"gateway"})"));
  EXPECT_EQ(ocsf.at("api"), json::parse(R"({"operation":"Update","service":{"name":"c"}})"));
  EXPECT_EQ(ocsf.at("src_endpoint"), json::parse(R"({"ip":"10.0.0.1"})"));
  EXPECT_EQ(ocsf.at("resources"),
            json::parse(R"([{"uid":"s-1","type":"Signal","namespace":"payments","group":"eu-1"}])"));
  EXPECT_EQ(ocsf.at("metadata"), json::parse(R"({
    "version": "1.7.0", "product": {"name": "StoragePool", "vendor_name": "storagepool.dev"},
    "uid": "0190a6e2-9b7c-7def-8123-456789abcdef", "original_event_uid": "theirs",
    "log_name": "storagepool.dev/test/audit", "sequence": 41, "correlation_uid": "r",
    "event_code": "gateway.signal.received", "logged_time": 1772277754000})"));
  EXPECT_THAT(text, ::testing::EndsWith(",\"unmapped\":" + whole().event_data + "}")) << "byte for byte";
}

TEST(FeedRendering, AnApiActivityOfLittleIsOneToo) {
  const json ocsf = json::parse(render(kSecurity, 0, smallest()));
  expect_ocsf(ocsf);
  EXPECT_EQ(ocsf.at("activity_id"), 99);
  EXPECT_EQ(ocsf.at("activity_name"), "a");
  EXPECT_EQ(ocsf.at("severity_id"), 1);
  EXPECT_EQ(ocsf.at("src_endpoint"), json::parse(R"({"svc_name":"c-service"})"));
  EXPECT_EQ(ocsf.at("metadata").at("original_event_uid"), kId);
  EXPECT_FALSE(ocsf.at("metadata").contains("logged_time"));
}

TEST(FeedRendering, WhatIsGoneIsABaseEvent) {
  const json missing = json::parse(render_gone(kSecurity, gone(), kBefore));
  expect_ocsf(missing);
  EXPECT_EQ(missing.at("class_uid"), 0);
  EXPECT_EQ(missing.at("activity_name"), "Missing");
  EXPECT_EQ(missing.at("severity_id"), 4);
  EXPECT_EQ(missing.at("metadata").at("sequence"), 9);
  const json expired = json::parse(render_gone(kSecurity, gone(), kAfter));
  expect_ocsf(expired);
  EXPECT_EQ(expired.at("activity_name"), "Expired");
  EXPECT_EQ(expired.at("severity_id"), 1);
}

}  // namespace
}  // namespace storagepool::evidence
