// The audit API of the running program: batches, calls that are repeated, and workspaces.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::HttpResponse;
using testing::kEvents;
using testing::valid_event;

class DataStorageBatchTest : public testing::RunningProgramTest {
 protected:
  static HttpResponse post(const std::string& target, const json& body, const std::string& key = {}) {
    testing::HttpHeaders headers = {{"Content-Type", "application/json"}};
    if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
    return testing::http(pod_->api_port(), "POST", target, headers, body.dump());
  }
  static json event(const std::string& correlation_id) {
    json event = valid_event();
    event["correlation_id"] = correlation_id;
    return event;
  }
  static int total(const std::string& correlation_id, const std::string& events = kEvents) {
    const auto page = pod_->api("GET", events + "?correlation_id=" + correlation_id);
    EXPECT_EQ(page.status, 200U) << page.body;
    return json::parse(page.body).at("pagination").at("total");
  }
  static std::string detail(const HttpResponse& response, unsigned status) {
    EXPECT_EQ(response.status, status) << response.body;
    return json::parse(response.body).at("detail");
  }
  static inline const std::string kBatch = "/api/v1/audit/events/batch";
};

TEST_F(DataStorageBatchTest, StoresABatchAndTellsItsIdsInOrder) {
  json first = event("batch");
  json second = event("batch");
  first["event_action"] = "one";
  second["event_action"] = "two";
  const auto created = post(kBatch, {first, second});
  ASSERT_EQ(created.status, 201U) << created.body;
  const json body = json::parse(created.body);
  EXPECT_EQ(body.size(), 2U);
  EXPECT_EQ(body.at("message"), "2 audit events created successfully");
  for (const auto& [index, action] : {std::pair{0, "one"}, std::pair{1, "two"}}) {
    const std::string id = body.at("event_ids").at(index);
    EXPECT_EQ(json::parse(pod_->api("GET", kEvents + "/" + id).body).at("event_action"), action);
  }
}

TEST_F(DataStorageBatchTest, StoresAllOfABatchOrNothing) {
  json bad = event("all-or-nothing");
  bad["event_type"] = "";
  EXPECT_THAT(detail(post(kBatch, {event("all-or-nothing"), bad}), 400), HasSubstr("[1].event_type"));
  json orphan = event("all-or-nothing");
  orphan["parent_event_id"] = "3f0e8c1a-0000-4000-8000-00000000dead";
  EXPECT_EQ(detail(post(kBatch, {event("all-or-nothing"), orphan}), 400), "parent event does not exist");
  EXPECT_EQ(total("all-or-nothing"), 0);
}

TEST_F(DataStorageBatchTest, Takes1To500Events) {
  EXPECT_THAT(detail(post(kBatch, json::array()), 400), HasSubstr("batch cannot be empty"));
  json batch = json::array();
  for (int i = 0; i < 501; ++i) batch.push_back(event("five-hundred"));
  EXPECT_THAT(detail(post(kBatch, batch), 400), HasSubstr("batch size 501 exceeds the maximum of 500"));
  batch.erase(batch.begin());
  EXPECT_EQ(post(kBatch, batch).status, 201U);
  EXPECT_EQ(total("five-hundred"), 500);
}

TEST_F(DataStorageBatchTest, RepeatsNothingUnderTheSameIdempotencyKey) {
  const json one = event("idempotent");
  const auto first = post(kEvents, one, "order-1");
  EXPECT_EQ(first.status, 201U) << first.body;
  EXPECT_EQ(post(kEvents, one, "order-1").body, first.body);
  const json batch = {event("idempotent-batch"), event("idempotent-batch")};
  const auto ids = post(kBatch, batch, "order-2");
  EXPECT_EQ(ids.status, 201U) << ids.body;
  EXPECT_EQ(post(kBatch, batch, "order-2").body, ids.body);
  EXPECT_EQ(total("idempotent"), 1);
  EXPECT_EQ(total("idempotent-batch"), 2);
  EXPECT_NE(post(kEvents, one, "order-3").body, first.body);
  EXPECT_THAT(detail(post(kEvents, one, std::string(256, 'x')), 400), HasSubstr("Idempotency-Key"));
}

TEST_F(DataStorageBatchTest, KeepsWorkspacesApart) {
  const std::string workspace = "/api/v1/workspaces/team-a";
  const std::string events = workspace + "/audit/events";
  EXPECT_EQ(pod_->api("GET", events).status, 404U);
  EXPECT_EQ(pod_->api("PUT", workspace).status, 201U);
  EXPECT_EQ(pod_->api("PUT", workspace).status, 200U);
  const auto created = post(events, event("apart"));
  ASSERT_EQ(created.status, 201U) << created.body;
  EXPECT_EQ(post(events + "/batch", {event("apart"), event("apart")}).status, 201U);
  const std::string id = json::parse(created.body).at("event_id");
  EXPECT_EQ(pod_->api("GET", events + "/" + id).status, 200U);
  EXPECT_EQ(pod_->api("GET", kEvents + "/" + id).status, 404U);
  EXPECT_EQ(total("apart", events), 3);
  EXPECT_EQ(total("apart"), 0);
  EXPECT_EQ(json::parse(pod_->api("GET", "/api/v1/workspaces").body).at("workspaces").at(0).at("name"),
            "team-a");
  EXPECT_GE(pod_->metric("storagepool_workspace_databases_active"), 1);

  EXPECT_THAT(detail(pod_->api("DELETE", workspace), 403),
              HasSubstr("which nobody has while nobody is told apart"));
  EXPECT_EQ(total("apart", events), 3);
}

TEST_F(DataStorageBatchTest, RefusesNamesThatAreNone) {
  for (const char* name : {"Team", "a_b", "-a", "a-", "a.b"}) {
    const std::string workspace = std::string("/api/v1/workspaces/") + name;
    EXPECT_THAT(detail(pod_->api("PUT", workspace), 400), HasSubstr("workspace: got")) << name;
    EXPECT_EQ(pod_->api("GET", workspace + "/audit/events").status, 400U) << name;
  }
}

// With a pod of its own: its event stays in the journal, where the parents of others might be too.
class DataStorageLostDatabaseTest : public testing::LoneProgramTest {};

TEST_F(DataStorageLostDatabaseTest, AWorkspaceWithoutItsDatabaseSaysNothingAboutTheServer) {
  server_.superuser("ALTER ROLE app CREATEDB");
  start();
  ASSERT_EQ(pod_.api("PUT", "/api/v1/workspaces/without-database").status, 201U);
  server_.superuser("DROP DATABASE audit_ws_without_database WITH (FORCE)");
  const auto kept = testing::http(pod_.api_port(), "POST", "/api/v1/workspaces/without-database/audit/events",
                                  {{"Content-Type", "application/json"}}, valid_event().dump());
  EXPECT_EQ(kept.status, 202U) << kept.body;
  const auto stored = pod_.create(valid_event());
  EXPECT_EQ(stored.status, 201U) << stored.body;
  EXPECT_TRUE(pod_.ready());
}

}  // namespace
}  // namespace storagepool::service
