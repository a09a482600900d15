// The audit API of the running program: what existing clients send and read.
#include <chrono>
#include <map>
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

class DataStorageTest : public testing::RunningProgramTest {
 protected:
  static json create(const json& event) {
    const HttpResponse response = pod_->create(event);
    EXPECT_EQ(response.status, 201U) << response.body;
    return json::parse(response.body);
  }
  static json get(const std::string& target) {
    const HttpResponse response = pod_->api("GET", target);
    EXPECT_EQ(response.status, 200U) << response.body;
    return json::parse(response.body);
  }
  // A problem of this status; its detail.
  static std::string problem(const HttpResponse& response, unsigned status, const std::string& kind) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
    const auto body = json::parse(response.body);
    EXPECT_EQ(body.at("type"), "https://storagepool.dev/problems/" + kind);
    EXPECT_EQ(body.at("status"), status);
    return body.at("detail");
  }
};

TEST_F(DataStorageTest, StoresAnEventAndGivesItBack) {
  json event = valid_event();
  event["correlation_id"] = "stores-and-gives-back";
  const json created = create(event);
  EXPECT_EQ(created.size(), 3U);
  EXPECT_EQ(created.at("message"), "Audit event created successfully");
  const std::string time = event["event_timestamp"];
  EXPECT_EQ(created.at("event_timestamp"), time.substr(0, 19) + "Z");
  const std::string id = created.at("event_id");

  const json item = get(kEvents + ("/" + id));
  EXPECT_EQ(item.at("event_id"), id);
  EXPECT_EQ(item.at("event_timestamp"), time);
  EXPECT_EQ(item.at("event_date"), time.substr(0, 10));
  EXPECT_EQ(item.at("actor_id"), "gateway-service");
  EXPECT_EQ(item.at("retention_days"), 2555);
  EXPECT_TRUE(item.at("parent_event_id").is_null());
  EXPECT_FALSE(item.contains("namespace"));

  const json page = get(kEvents + "?correlation_id=stores-and-gives-back&since=1h&limit=5");
  EXPECT_EQ(page.at("data"), json::array({item}));
  EXPECT_EQ(page.at("pagination"), json({{"limit", 5}, {"offset", 0}, {"total", 1}, {"has_more", false}}));
}

TEST_F(DataStorageTest, GivesEventDataBackByteForByte) {
  json event = valid_event();
  event["event_data"] = json::object();
  event["correlation_id"] = "verbatim";
  std::string body = event.dump();
  const std::string data = "{ \"z\" : 1.50,\n \"a\":\"\\u00e9/\\/\", \"z\":[1e2,\t12345678901234567890123] }";
  body.replace(body.find("\"event_data\":{}") + 13, 2, data);
  const HttpResponse created = pod_->api("POST", kEvents, body);
  ASSERT_EQ(created.status, 201U) << created.body;
  const std::string id = json::parse(created.body).at("event_id");
  EXPECT_THAT(pod_->api("GET", kEvents + ("/" + id)).body, HasSubstr("\"event_data\":" + data));
  EXPECT_THAT(pod_->api("GET", kEvents + "?correlation_id=verbatim").body, HasSubstr(data));
}

TEST_F(DataStorageTest, AnswersARepeatedIdTheSameAndStoresNothing) {
  json event = valid_event();
  event["event_id"] = "3f0e8c1a-0000-4000-8000-00000000AAAA";
  event["correlation_id"] = "repeated";
  const double stored = pod_->metric("storagepool_events_stored_total");
  const HttpResponse first = pod_->create(event);
  const HttpResponse second = pod_->create(event);
  EXPECT_EQ(second.status, 201U);
  EXPECT_EQ(second.body, first.body);
  event["event_data"] = {{"changed", true}};
  EXPECT_THAT(problem(pod_->create(event), 409, "conflict"),
              HasSubstr("3f0e8c1a-0000-4000-8000-00000000aaaa"));
  EXPECT_EQ(json::parse(first.body).at("event_id"), "3f0e8c1a-0000-4000-8000-00000000aaaa");
  EXPECT_EQ(get(kEvents + "?correlation_id=repeated").at("pagination").at("total"), 1);
  EXPECT_EQ(pod_->metric("storagepool_events_stored_total"), stored + 1);
}

TEST_F(DataStorageTest, RefusesBadBodiesNamingTheField) {
  json event = valid_event();
  event["actor_ip"] = "zzz";
  event["retention_days"] = 9999;
  const HttpResponse refused = pod_->create(event);
  EXPECT_THAT(problem(refused, 400, "validation-error"),
              HasSubstr("actor_ip: got \"zzz\"; allowed: an IPv4"));
  const json fields = json::parse(refused.body).at("field_errors");
  EXPECT_EQ(fields.size(), 2U);
  EXPECT_THAT(fields.at("retention_days").get<std::string>(),
              HasSubstr("got 9999; allowed: an integer from 1"));

  EXPECT_THAT(problem(pod_->api("POST", kEvents, "{"), 400, "validation-error"), HasSubstr("body: "));
  EXPECT_THAT(problem(pod_->api("POST", kEvents, "{\"version\":\"\xFF\"}"), 400, "validation-error"),
              HasSubstr("UTF-8"));
  json orphan = valid_event();
  orphan["parent_event_id"] = "3f0e8c1a-0000-4000-8000-00000000dead";
  EXPECT_EQ(problem(pod_->create(orphan), 400, "validation-error"), "parent event does not exist");
}

TEST_F(DataStorageTest, WantsJson) {
  const std::string body = valid_event().dump();
  const auto post = [&](const testing::HttpHeaders& headers) {
    return testing::http(pod_->api_port(), "POST", kEvents, headers, body);
  };
  EXPECT_EQ(post({{"Content-Type", "application/json; charset=utf-8"}}).status, 201U);
  EXPECT_THAT(problem(post({}), 400, "unsupported-media-type"),
              HasSubstr("got none; allowed: application/json"));
  EXPECT_THAT(problem(post({{"Content-Type", "text/plain"}}), 400, "unsupported-media-type"),
              HasSubstr("text/plain"));
}

TEST_F(DataStorageTest, RefusesBadQueriesNamingTheParameter) {
  for (const char* query : {"limit=0", "limit=1001", "offset=-1", "since=yesterday", "detail_key=k",
                            "event_outcome=ok", "until=%FF"}) {
    const std::string name = std::string(query).substr(0, std::string(query).find('='));
    const auto detail =
        problem(pod_->api("GET", kEvents + ("?" + std::string(query))), 400, "validation-error");
    EXPECT_THAT(detail, HasSubstr(name == "detail_key" ? "detail_value" : name)) << query;
  }
  EXPECT_EQ(pod_->api("GET", kEvents + "?unknown=1&limit=1&limit=bad").status, 200U);
}

TEST_F(DataStorageTest, TellsMissingEventsAndBadIdsApart) {
  const std::string missing = kEvents + "/3f0e8c1a-0000-4000-8000-00000000dead";
  EXPECT_THAT(problem(pod_->api("GET", missing), 404, "not-found"), HasSubstr("3f0e8c1a"));
  const std::string bad = kEvents + "/zzz";
  EXPECT_THAT(problem(pod_->api("GET", bad), 400, "validation-error"), HasSubstr("event_id: got \"zzz\""));
}

TEST_F(DataStorageTest, AnswersOtherMethodsAndPathsProperly) {
  const HttpResponse refused = pod_->api("DELETE", kEvents);
  problem(refused, 405, "method-not-allowed");
  EXPECT_EQ(refused.headers.at("allow"), "GET, HEAD, OPTIONS, POST");
  problem(pod_->api("GET", "/nothing"), 404, "not-found");
  const HttpResponse head = pod_->api("HEAD", kEvents);
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(pod_->api("OPTIONS", kEvents).status, 204U);
}

TEST_F(DataStorageTest, LimitsTheSizeOfABodyAndTakesAllBelow) {
  json event = valid_event();
  event["event_data"] = {{"x", std::string(std::size_t{5} << 20, 'x')}};
  problem(pod_->create(event), 413, "request-too-large");
  event["event_data"] = {{"x", std::string((std::size_t{5} << 20) - 2000, 'x')}};
  event["correlation_id"] = "large";
  create(event);
  EXPECT_EQ(get(kEvents + "?correlation_id=large").at("data").at(0).at("event_data"), event["event_data"]);
}

TEST_F(DataStorageTest, AnswersHealthAndMetrics) {
  EXPECT_EQ(json::parse(pod_->health("/healthz").body).at("status"), "healthy");
  EXPECT_EQ(pod_->health("/livez").status, 200U);
  EXPECT_EQ(pod_->health("/readyz").body, R"({"status":"ready"})");
  pod_->api("GET", "/whatever/clients/think/of");
  const std::string metrics = pod_->metrics();
  EXPECT_THAT(metrics,
              HasSubstr("storagepool_http_requests_total{method=\"GET\",route=\"other\",status=\"404\"}"));
  EXPECT_THAT(metrics, ::testing::Not(HasSubstr("whatever")));
  EXPECT_EQ(pod_->metric("storagepool_pool_max_open"), 4);
  EXPECT_GE(pod_->metric("storagepool_pool_open_high_water"), 1);
}

TEST_F(DataStorageTest, TellsOfThePostgresItIsOn) {
  EXPECT_THAT(pod_->metrics(), HasSubstr("storagepool_postgres_info{encoding=\"UTF8\",version=\"1"));
  ASSERT_TRUE(eventually([&] { return pod_->metric("storagepool_postgres_locks_available") > 0; }));
  EXPECT_GT(pod_->metric("storagepool_postgres_locks_needed"), 1);
}

TEST_F(DataStorageTest, TellsHowLargeBatchesAreAndHowLongTheyTake) {
  const std::string events = "storagepool_ingest_batch_events";
  const std::string duration = "storagepool_ingest_batch_duration_seconds";
  const auto at_most = [&](const char* size) { return events + "_bucket{le=\"" + size + "\"}"; };
  std::map<std::string, double> before;
  for (const std::string& name : {at_most("2"), at_most("5"), at_most("+Inf"), events + "_sum",
                                  events + "_count", duration + "_sum", duration + "_count"}) {
    before[name] = pod_->metric(name);
  }
  const auto more = [&](const std::string& name) { return pod_->metric(name) - before.at(name); };
  const json batch = {valid_event(), valid_event(), valid_event()};
  ASSERT_EQ(pod_->api("POST", kEvents + "/batch", batch.dump()).status, 201U);
  create(valid_event());
  EXPECT_EQ(more(at_most("2")), 1);
  EXPECT_EQ(more(at_most("5")), 2);
  EXPECT_EQ(more(at_most("+Inf")), 2);
  EXPECT_EQ(more(events + "_sum"), 4);
  EXPECT_EQ(more(events + "_count"), 2);
  EXPECT_EQ(more(duration + "_count"), 2);
  EXPECT_GT(more(duration + "_sum"), 0);
  EXPECT_EQ(pod_->metric(events + "_count"), pod_->metric("storagepool_ingest_batches_total"));
}

TEST_F(DataStorageTest, EchoesTheRequestId) {
  const auto given = testing::http(pod_->api_port(), "GET", "/nothing", {{"X-Request-Id", "abc-1"}});
  EXPECT_EQ(given.headers.at("x-request-id"), "abc-1");
  EXPECT_FALSE(testing::http(pod_->api_port(), "GET", "/nothing").headers.at("x-request-id").empty());
}

}  // namespace
}  // namespace storagepool::service
