// Legal holds as the running program places and releases them.
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/sha256.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::HttpResponse;
using testing::kEvents;
using testing::valid_event;

constexpr const char* kHolder = "counsel-0123456789abcdef0123456789abcdef";
constexpr const char* kHolds = "/api/v1/audit/legal-hold";

class LegalHoldTest : public testing::LoneProgramTest {
 protected:
  void start_with_token(const std::string& scopes = "read,write,admin,hold") {
    server_.superuser("ALTER ROLE app CREATEDB");  // for workspaces
    pod_.write("auth/tokens", std::string(kHolder) + " counsel:" + scopes + "\n");
    pod_.token = kHolder;
    start({"--auth-mode=Token"});
  }
  // That has been kept for long enough.
  std::string create_expired(const std::string& correlation, const std::string& events = kEvents) const {
    json event = valid_event();
    event["correlation_id"] = correlation;
    event["event_timestamp"] = runtime::format_timestamp(
        std::chrono::floor<std::chrono::microseconds>(runtime::wall_now() - std::chrono::hours{72}));
    event["retention_days"] = 1;
    const auto created = pod_.api("POST", events, event.dump());
    EXPECT_EQ(created.status, 201U) << created.body;
    return json::parse(created.body).at("event_id");
  }
  HttpResponse place(const std::string& correlation, const std::string& reason = "case 7",
                     const std::string& holds = kHolds) const {
    return pod_.api("POST", holds, json{{"correlation_id", correlation}, {"reason", reason}}.dump());
  }
  HttpResponse release(const std::string& correlation, const std::string& query = "",
                       const std::string& holds = kHolds) const {
    return pod_.api("DELETE", holds + "/" + correlation + query, R"({"release_reason":"closed"})");
  }
  json listed(const std::string& query = "") const {
    return json::parse(pod_.api("GET", kHolds + query).body);
  }
  unsigned status_of(const std::string& id) const { return pod_.api("GET", kEvents + "/" + id).status; }
};

TEST_F(LegalHoldTest, KeepsEventsServedUntilItIsReleased) {
  start_with_token();
  const std::string id = create_expired("c-1");
  EXPECT_EQ(status_of(id), 404U);
  const auto placed = place("c-1", "case 7");
  ASSERT_EQ(placed.status, 200U) << placed.body;
  const json hold = json::parse(placed.body);
  EXPECT_EQ(hold.at("correlation_id"), "c-1");
  EXPECT_EQ(hold.at("events_affected"), 1);
  EXPECT_EQ(hold.at("placed_by"), "counsel");
  EXPECT_EQ(hold.at("reason"), "case 7");
  EXPECT_EQ(status_of(id), 200U);
  EXPECT_EQ(json::parse(pod_.api("GET", kEvents + "?correlation_id=c-1").body).at("pagination").at("total"),
            1);
  EXPECT_EQ(listed().at("total"), 1);
  EXPECT_EQ(listed().at("holds").at(0), hold);
  HttpResponse exported;
  ASSERT_TRUE(eventually([&] {
    exported = pod_.api("GET", "/api/v1/audit/export?correlation_id=c-1");
    return exported.status == 200;
  })) << exported.body;
  const json item = json::parse(exported.body).at("events").at(0);
  EXPECT_EQ(item.at("legal_hold"), true);
  EXPECT_EQ(item.at("legal_hold_reason"), "case 7");
  EXPECT_EQ(item.at("legal_hold_placed_by"), "counsel");
  EXPECT_EQ(item.at("legal_hold_placed_at"), hold.at("placed_at"));

  const auto released = release("c-1");
  ASSERT_EQ(released.status, 200U) << released.body;
  const json answer = json::parse(released.body);
  EXPECT_EQ(answer.at("events_released"), 1);
  EXPECT_EQ(answer.at("released_by"), "counsel");
  EXPECT_EQ(answer.at("hold_ids"), json::array({hold.at("hold_id")}));
  EXPECT_EQ(status_of(id), 404U);
  EXPECT_EQ(listed().at("total"), 0);
  EXPECT_EQ(release("c-1").status, 404U);
  EXPECT_EQ(place("nobody-knows").status, 404U);

  const json acts =
      json::parse(pod_.api("GET", kEvents + "?event_category=storagepool&order=asc").body).at("data");
  std::vector<std::string> types;
  for (const json& act : acts) types.push_back(act.at("event_type"));
  EXPECT_THAT(types, ::testing::ElementsAre("storagepool.hold.placed", "storagepool.export.created",
                                            "storagepool.hold.released"));
  EXPECT_EQ(acts[0].at("resource_id"), "c-1");
  EXPECT_EQ(acts[0].at("actor_id"), "counsel");
  EXPECT_EQ(acts[0].at("event_data").at("reason"), "case 7");
  EXPECT_EQ(acts[2].at("event_data").at("hold_ids"), json::array({hold.at("hold_id")}));
}

TEST_F(LegalHoldTest, IsOfAMatterEachAndAsksForWhatItNeeds) {
  start_with_token();
  create_expired("c-1");
  const std::string first = json::parse(place("c-1", "case 1").body).at("hold_id");
  ASSERT_EQ(place("c-1", "case 2").status, 200U);
  EXPECT_EQ(listed("?limit=1").at("holds").at(0).at("reason"), "case 2");
  EXPECT_EQ(listed("?limit=1&offset=1").at("holds").at(0).at("reason"), "case 1");
  EXPECT_EQ(json::parse(release("c-1", "?hold_id=" + first).body).at("events_released"), 0);
  EXPECT_EQ(json::parse(release("c-1").body).at("events_released"), 1);
  const auto refused = [&](const std::string& body) {
    const auto answer = pod_.api("POST", kHolds, body);
    EXPECT_EQ(answer.status, 400U) << body;
    return json::parse(answer.body).at("field_errors").dump();
  };
  EXPECT_EQ(refused("{"), R"({"body":"allowed: a JSON object"})");
  EXPECT_EQ(refused(R"({"correlation_id":"c-1"})"),
            R"({"reason":"got nothing; allowed: 1 to 1000 characters, none U+0000"})");
  EXPECT_EQ(refused(R"({"correlation_id":7,"reason":""})"),
            R"({"correlation_id":"got no text; allowed: 1 to 255 characters, none U+0000",)"
            R"("reason":"got \"\"; allowed: 1 to 1000 characters, none U+0000"})");
  EXPECT_EQ(pod_.api("GET", std::string(kHolds) + "?limit=1001").status, 400U);
  EXPECT_EQ(release("c-1", "?hold_id=7").status, 400U);
}

TEST_F(LegalHoldTest, TakesTheScopeOfHolds) {
  start_with_token("read,write,admin");
  create_expired("c-1");
  EXPECT_EQ(place("c-1").status, 403U);
  EXPECT_EQ(release("c-1").status, 403U);
  EXPECT_EQ(pod_.api("GET", kHolds).status, 200U);
}

TEST_F(LegalHoldTest, IsPlacedByWhomAProxyNamesWhereNobodyIsToldApart) {
  start();
  create_expired("c-1");
  EXPECT_EQ(place("c-1").status, 401U);
  const std::string body = R"({"correlation_id":"c-1","reason":"case 7"})";
  const auto placed = pod_.send(8080, "POST", kHolds, {{"X-Auth-Request-User", "eve"}}, body);
  EXPECT_EQ(placed.status, 200U) << placed.body;
  EXPECT_EQ(json::parse(placed.body).at("placed_by"), "eve");
}

TEST_F(LegalHoldTest, KeepsItsWorkspace) {
  start_with_token();
  const std::string workspace = "/api/v1/workspaces/w";
  const std::string holds = workspace + "/audit/legal-hold";
  ASSERT_EQ(pod_.api("PUT", workspace).status, 201U);
  create_expired("c-1", workspace + "/audit/events");
  EXPECT_EQ(place("c-1").status, 404U);
  ASSERT_EQ(place("c-1", "case 7", holds).status, 200U);
  EXPECT_EQ(listed().at("total"), 0);
  const auto kept = pod_.api("DELETE", workspace);
  EXPECT_EQ(kept.status, 409U);
  EXPECT_THAT(kept.body, ::testing::HasSubstr("a legal hold keeps events of the workspace w"));
  const json acts =
      json::parse(pod_.api("GET", kEvents + "?event_type=storagepool.hold.placed").body).at("data");
  EXPECT_EQ(acts.at(0).at("event_data").at("workspace"), "w");
  EXPECT_EQ(release("c-1", "", holds).status, 200U);
  EXPECT_EQ(pod_.api("DELETE", workspace).status, 202U);
}

TEST_F(LegalHoldTest, KeepsWhatItsEventsHoldUntilItMayBeErased) {
  start_with_token();
  json event = valid_event();
  event["correlation_id"] = "c-1";
  event["event_data"] = {{"name", "Ann"}};
  event["error_message"] = "no such person";
  const std::string id = json::parse(pod_.create(event).body).at("event_id");
  const auto read = [&] { return json::parse(pod_.api("GET", kEvents + "/" + id).body); };
  const json before = read();
  const auto erase = [&](const std::string& reason = "asked for") {
    return pod_.api("DELETE", kEvents + "/" + id + "/data", json{{"reason", reason}}.dump());
  };
  ASSERT_EQ(place("c-1").status, 200U);
  EXPECT_EQ(erase().status, 409U);
  EXPECT_EQ(read(), before);
  ASSERT_EQ(release("c-1").status, 200U);
  EXPECT_EQ(erase("").status, 400U);
  const auto erased = erase();
  ASSERT_EQ(erased.status, 200U) << erased.body;
  json digests = json::parse(erased.body);
  EXPECT_EQ(digests.at("event_data_sha256"), encoding::sha256_hex(R"({"name":"Ann"})"));
  EXPECT_EQ(digests.at("error_message_sha256"), encoding::sha256_hex("no such person"));
  digests.erase("event_id");
  digests["erased"] = true;
  json expected = before;
  expected["event_data"] = digests;
  expected.erase("error_message");
  EXPECT_EQ(read(), expected);
  EXPECT_EQ(erase().body, erased.body);
  const json acts =
      json::parse(pod_.api("GET", kEvents + "?event_type=storagepool.event.erased").body).at("data");
  ASSERT_EQ(acts.size(), 2U);
  EXPECT_EQ(acts[0].at("resource_id"), id);
  EXPECT_EQ(acts[0].at("event_data").at("reason"), "asked for");
  const auto verified = [&] {
    const auto answer = pod_.api("POST", "/api/v1/audit/verify-chain", R"({"correlation_id":"c-1"})");
    return answer.status == 200 ? json::parse(answer.body) : json::object();
  };
  ASSERT_TRUE(eventually([&] { return verified().value("pending_events", 1) == 0; }));
  const json verdict = verified();
  EXPECT_EQ(verdict.at("is_valid"), true);
  EXPECT_EQ(verdict.at("verified_events"), 1);
  EXPECT_EQ(verdict.at("erased_events"), 1);
}

// Somebody who owns the database has deleted what a hold keeps.
TEST_F(LegalHoldTest, ShowsWhatHasVanishedAlthoughItWasKept) {
  start_with_token();
  const std::string id = create_expired("c-1");
  ASSERT_EQ(place("c-1").status, 200U);
  server_.superuser("UPDATE audit_legal_holds SET placed_at = now() - interval '60 hours'", "audit");
  const auto missing = [&] {
    const auto answer = pod_.api("POST", "/api/v1/audit/verify-chain", R"({"correlation_id":"c-1"})");
    return answer.status == 200 ? json::parse(answer.body).at("missing_events").get<int>() : -1;
  };
  ASSERT_TRUE(eventually([&] { return missing() == 0; }));
  server_.superuser("DELETE FROM audit_events WHERE event_id = '" + id + "'", "audit");
  EXPECT_TRUE(eventually([&] { return missing() == 1; }));
}

}  // namespace
}  // namespace storagepool::service
