// Calls that clients make twice: the same content under the same id or Idempotency-Key is answered as the
// first time, other content is refused by name, and nothing of a refused call is stored.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/timestamp.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::HttpResponse;
using testing::kEvents;
using testing::Pod;
using testing::valid_event;

constexpr const char* kId = "0e3b6f3c-1111-4c2f-9d6a-0242ac120002";
const std::string kBatchPath = kEvents + "/batch";

HttpResponse send_event(const Pod& pod, const json& body, const std::string& key = {},
                        const std::string& target = kEvents) {
  testing::HttpHeaders headers = {{"Content-Type", "application/json"}};
  if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
  return testing::http(pod.api_port(), "POST", target, headers, body.dump());
}

json about(const std::string& correlation_id) {
  json event = valid_event();
  event["correlation_id"] = correlation_id;
  return event;
}

json with(json event, const std::string& member, const json& value) {
  event[member] = value;
  return event;
}

std::vector<std::string> actions(const Pod& pod, const std::string& correlation_id,
                                 const std::string& events = kEvents) {
  const auto page = pod.api("GET", events + "?correlation_id=" + correlation_id);
  EXPECT_EQ(page.status, 200U) << page.body;
  std::vector<std::string> all;
  const json body = json::parse(page.body);
  for (const json& event : body.at("data")) all.push_back(event.at("event_action"));
  return all;
}

// The problem that an answer is, without what is checked here: its form.
std::string detail_of(const HttpResponse& response, unsigned status, const std::string& kind) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
  const json problem = json::parse(response.body);
  EXPECT_EQ(problem.value("status", 0U), status);
  EXPECT_EQ(problem.value("type", ""), "https://storagepool.dev/problems/" + kind);
  return problem.value("detail", "");
}
std::string key_refused(const HttpResponse& response) {
  return detail_of(response, 422, "idempotency-key-reused");
}
std::string id_refused(const HttpResponse& response) {
  return detail_of(response, 409, "conflict");
}

class DataStorageRepeatsTest : public testing::RunningProgramTest {};

TEST_F(DataStorageRepeatsTest, AKeyIsOfOneContent) {
  const json one = about("key");
  const auto first = send_event(*pod_, one, "order-1");
  ASSERT_EQ(first.status, 201U) << first.body;
  EXPECT_THAT(key_refused(send_event(*pod_, with(one, "event_action", "other"), "order-1")),
              HasSubstr("\"order-1\""));
  const auto again = send_event(*pod_, one, "order-1");
  EXPECT_EQ(again.status, 201U);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(actions(*pod_, "key"), std::vector<std::string>{"received"});
}

TEST_F(DataStorageRepeatsTest, AnIdIsOfOneContentWhateverItsTime) {
  const json one = with(about("id"), "event_id", kId);
  const auto first = send_event(*pod_, one);
  ASSERT_EQ(first.status, 201U) << first.body;
  EXPECT_THAT(id_refused(send_event(*pod_, with(one, "event_action", "other"))), HasSubstr(kId));
  const auto earlier = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) -
                       std::chrono::hours{72};
  const json moved = with(one, "event_timestamp", runtime::format_timestamp(earlier));
  const auto refused = send_event(*pod_, moved);
  EXPECT_THAT(id_refused(refused), HasSubstr(kId));
  EXPECT_TRUE(json::parse(refused.body).at("field_errors").contains("event_id"));
  EXPECT_EQ(send_event(*pod_, one).body, first.body);
  EXPECT_EQ(actions(*pod_, "id").size(), 1U);
  EXPECT_EQ(json::parse(pod_->api("GET", kEvents + "/" + kId).body).at("event_action"), "received");
}

TEST_F(DataStorageRepeatsTest, ContentIsWhatAnEventSaysNotHow) {
  const json one = about("content");
  ASSERT_EQ(send_event(*pod_, one, "content").status, 201U);
  json explicit_defaults = one;
  explicit_defaults.update({{"severity", "info"},
                            {"retention_days", 2555},
                            {"actor_type", "service"},
                            {"actor_id", "gateway-service"},
                            {"resource_id", "content"},
                            {"is_sensitive", false},
                            {"cluster_id", nullptr},
                            {"not_a_field", 1}});
  EXPECT_EQ(send_event(*pod_, explicit_defaults, "content").status, 201U);
  const testing::HttpHeaders headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", "content"}};
  std::string spaced = one.dump();
  spaced.insert(spaced.find("\"event_type\""), "\n  ");
  EXPECT_EQ(testing::http(pod_->api_port(), "POST", kEvents, headers, spaced).status, 201U);
  // event_data is kept byte for byte, and compared so.
  spaced.insert(spaced.find("{\"a\"") + 1, " ");
  key_refused(testing::http(pod_->api_port(), "POST", kEvents, headers, spaced));
}

TEST_F(DataStorageRepeatsTest, ABatchIsStoredWithoutAConflictOrNotAtAll) {
  const json old = with(about("batch-id"), "event_id", "0e3b6f3c-2222-4c2f-9d6a-0242ac120002");
  ASSERT_EQ(send_event(*pod_, old).status, 201U);
  const json fresh = about("batch-id");
  const auto refused = send_event(*pod_, {fresh, with(old, "event_action", "other"), fresh}, {}, kBatchPath);
  EXPECT_THAT(id_refused(refused), HasSubstr("[1].event_id"));
  EXPECT_TRUE(json::parse(refused.body).at("field_errors").contains("[1].event_id"));
  EXPECT_EQ(actions(*pod_, "batch-id").size(), 1U);
  // With the same content the others are stored beside it.
  EXPECT_EQ(send_event(*pod_, {fresh, old, fresh}, {}, kBatchPath).status, 201U);
  EXPECT_EQ(actions(*pod_, "batch-id").size(), 3U);

  const json batch = {about("batch-key"), about("batch-key"), about("batch-key")};
  const auto first = send_event(*pod_, batch, "batch-1", kBatchPath);
  ASSERT_EQ(first.status, 201U) << first.body;
  json changed = batch;
  changed[2]["event_action"] = "other";
  const std::string detail = key_refused(send_event(*pod_, changed, "batch-1", kBatchPath));
  EXPECT_THAT(detail, HasSubstr("\"batch-1\""));
  EXPECT_THAT(detail, HasSubstr("[2]"));
  EXPECT_EQ(send_event(*pod_, batch, "batch-1", kBatchPath).body, first.body);
  for (const json& other : {json{batch[0], batch[1]}, json{batch[0], batch[1], batch[2], batch[2]}}) {
    EXPECT_THAT(key_refused(send_event(*pod_, other, "batch-1", kBatchPath)),
                HasSubstr("\"batch-1\", which was used before with more or fewer events"));
  }
  EXPECT_EQ(actions(*pod_, "batch-key").size(), 3U);
}

TEST_F(DataStorageRepeatsTest, AKeyIsOfOneRouteAndOneWorkspace) {
  ASSERT_EQ(pod_->api("PUT", "/api/v1/workspaces/keys").status, 201U);
  const std::string in_workspace = "/api/v1/workspaces/keys/audit/events";
  EXPECT_EQ(send_event(*pod_, with(about("routes"), "event_action", "single"), "route").status, 201U);
  EXPECT_EQ(
      send_event(*pod_, json::array({with(about("routes"), "event_action", "batch")}), "route", kBatchPath)
          .status,
      201U);
  EXPECT_EQ(send_event(*pod_, with(about("routes"), "event_action", "there"), "route", in_workspace).status,
            201U);
  EXPECT_THAT(actions(*pod_, "routes"), ::testing::UnorderedElementsAre("single", "batch"));
  EXPECT_THAT(actions(*pod_, "routes", in_workspace), ::testing::ElementsAre("there"));
  key_refused(send_event(*pod_, with(about("routes"), "event_action", "more"), "route", in_workspace));
}

TEST_F(DataStorageRepeatsTest, AnyTextOfAClientIsAnId) {
  const std::string text = "order 4711/é";
  const json one = with(about("text"), "event_id", text);
  const auto first = send_event(*pod_, one);
  ASSERT_EQ(first.status, 201U) << first.body;
  const std::string id = json::parse(first.body).at("event_id");
  EXPECT_EQ(send_event(*pod_, one, "beside a key").body, first.body);
  EXPECT_THAT(id_refused(send_event(*pod_, with(one, "event_action", "other"))),
              HasSubstr("event_id: got \"" + text + "\""));
  const auto batch = send_event(*pod_, {one, with(one, "event_id", "order 4712")}, {}, kBatchPath);
  ASSERT_EQ(batch.status, 201U) << batch.body;
  EXPECT_EQ(json::parse(batch.body).at("event_ids").at(0), id);
  EXPECT_EQ(actions(*pod_, "text").size(), 2U);
  const json item = json::parse(pod_->api("GET", kEvents + "/" + id).body);
  EXPECT_EQ(item.at("event_id"), id);
  EXPECT_EQ(item.at("client_event_id"), text);
  EXPECT_THAT(
      detail_of(send_event(*pod_, with(one, "event_id", std::string(256, 'x'))), 400, "validation-error"),
      HasSubstr("event_id"));
  const auto none = send_event(*pod_, with(about("no text"), "event_id", ""));
  EXPECT_FALSE(
      json::parse(pod_->api("GET", kEvents + "/" + std::string(json::parse(none.body).at("event_id"))).body)
          .contains("client_event_id"));
}

// An id that a pod has made and told, sent again by a client that is not sure.
TEST_F(DataStorageRepeatsTest, AnIdOfOursIsKnownWhenAClientSendsIt) {
  const json one = about("ours");
  const auto created = send_event(*pod_, one);
  ASSERT_EQ(created.status, 201U) << created.body;
  const std::string id = json::parse(created.body).at("event_id");
  const auto again = send_event(*pod_, with(one, "event_id", id));
  EXPECT_EQ(again.status, 201U);
  EXPECT_EQ(again.body, created.body);
  EXPECT_THAT(id_refused(send_event(*pod_, with(about("ours"), "event_id", id))), HasSubstr(id));
  EXPECT_THAT(id_refused(send_event(*pod_, with(with(one, "event_id", id), "event_action", "other"))),
              HasSubstr(id));
  EXPECT_EQ(actions(*pod_, "ours").size(), 1U);
}

TEST_F(DataStorageRepeatsTest, OfManyContentsAtOnceOneIsTaken) {
  constexpr int kClients = 8;
  std::vector<HttpResponse> answers(2 * kClients);
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&answers, i] {
      const json now = with(about("race"), "event_action", "action-" + std::to_string(i));
      answers[2 * i] = send_event(*pod_, now, "race");
      answers[2 * i + 1] = send_event(*pod_, {about("race-batch"), now}, "race", kBatchPath);
    });
  }
  for (std::thread& client : clients) client.join();
  int created[2] = {0, 0};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_THAT(answers[i].status, ::testing::AnyOf(201U, 422U)) << answers[i].body;
    created[i % 2] += answers[i].status == 201 ? 1 : 0;
  }
  EXPECT_EQ(created[0], 1);
  EXPECT_EQ(created[1], 1);
  EXPECT_EQ(actions(*pod_, "race").size(), 2U);
  EXPECT_EQ(actions(*pod_, "race-batch").size(), 1U);
}

using DataStorageRepeatsInAnOutageTest = testing::LoneProgramTest;

// Whether a key has had other content cannot be told without PostgreSQL: both are kept, and a person finds
// the second among what is set aside.
TEST_F(DataStorageRepeatsInAnOutageTest, NothingAcknowledgedIsLostByARepeat) {
  start();
  const json before = about("outage");
  const json during = with(about("outage"), "event_action", "during");
  ASSERT_EQ(send_event(pod_, before, "before").status, 201U);
  server_.stop();
  ASSERT_TRUE(pod_.reports("unreachable")) << pod_.log();
  EXPECT_EQ(send_event(pod_, before, "before").status, 202U);
  const auto accepted = send_event(pod_, during, "during");
  EXPECT_EQ(accepted.status, 202U) << accepted.body;
  EXPECT_EQ(send_event(pod_, during, "during").body, accepted.body);
  EXPECT_EQ(send_event(pod_, with(during, "event_action", "other"), "during").status, 202U);
  const json batch = {with(about("batch"), "event_action", "one"),
                      with(about("batch"), "event_action", "two")};
  const auto queued = send_event(pod_, batch, "batch", kBatchPath);
  EXPECT_EQ(queued.status, 201U) << queued.body;
  EXPECT_EQ(json::parse(queued.body).at("message"), "2 audit events queued for async processing");
  EXPECT_EQ(send_event(pod_, batch, "batch", kBatchPath).body, queued.body);
  const json named = with(about("named"), "event_id", "order 4713");
  const auto named_accepted = send_event(pod_, named);
  EXPECT_EQ(named_accepted.status, 202U);
  const json longer = {batch[0], batch[1], with(about("batch"), "event_action", "three")};
  EXPECT_EQ(send_event(pod_, longer, "batch", kBatchPath).status, 201U);
  server_.start();
  EXPECT_TRUE(eventually([&] {
    return pod_.metric("storagepool_journal_waiting_events") == 0 &&
           pod_.metric("storagepool_journal_set_aside_units") == 2;
  })) << pod_.metrics();
  EXPECT_TRUE(pod_.becomes_ready());
  EXPECT_THAT(actions(pod_, "outage"), ::testing::UnorderedElementsAre("received", "during"));
  EXPECT_EQ(json::parse(send_event(pod_, during, "during").body).at("event_id"),
            json::parse(accepted.body).at("event_id"));
  key_refused(send_event(pod_, with(during, "event_action", "other"), "during"));
  EXPECT_THAT(actions(pod_, "batch"), ::testing::UnorderedElementsAre("one", "two"));
  const json stored = json::parse(send_event(pod_, batch, "batch", kBatchPath).body);
  EXPECT_EQ(stored.at("event_ids"), json::parse(queued.body).at("event_ids"));
  EXPECT_EQ(stored.at("message"), "2 audit events created successfully");
  key_refused(send_event(pod_, longer, "batch", kBatchPath));
  EXPECT_EQ(json::parse(send_event(pod_, named).body).at("event_id"),
            json::parse(named_accepted.body).at("event_id"));
  EXPECT_EQ(json::parse(pod_.api("GET", kEvents + "?correlation_id=named").body)
                .at("data")
                .at(0)
                .at("client_event_id"),
            "order 4713");
}

}  // namespace
}  // namespace storagepool::service
