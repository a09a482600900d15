// The first thing a user does: apply a StoragePool, wait until it is Ready, write an event through the
// Service and read it back; with every way of using TLS.
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/port_forward.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ApplyServesEvents : public Scenario {};

TEST_F(ApplyServesEvents, WritesAndReadsThroughTheService) {
  const Postgres postgres(name_space(), 60);
  apply(pool("audit", 3));
  ASSERT_TRUE(becomes_ready("audit", 3));

  // What is computed from the live server: 60 − 3 for superusers − 10 in reserve.
  const json budget = get("storagepool", "audit").at("status").at("connectionBudget");
  EXPECT_EQ(budget.value("serverMax", 0), 60);
  EXPECT_EQ(budget.value("reserved", 0), 13);
  EXPECT_EQ(budget.value("usable", 0), 47);
  EXPECT_EQ(budget.value("perPod", 0), 15);
  EXPECT_EQ(budget.value("granted", 0), 45);
  EXPECT_THAT(kubectl_out({"-n", name_space(), "get", "sp", "audit"}),
              ::testing::ContainsRegex("audit +3/3 +15 +45 +47 +"));

  const PortForward forward(name_space(), "svc/audit", 8080);
  HttpClient client(forward.port());
  json event = sample_event("apply-serves-events", 1);
  event["event_data"] = {{"text", "ümläut \u0001 \"quoted\""},
                         {"large", 9007199254740993},
                         {"nested", {{"list", {1, 2.5, nullptr}}}}};
  const auto created = client.send(post_event(event));
  ASSERT_TRUE(created) << created.error();
  ASSERT_EQ(created->status, 201) << created->body;
  const std::string id = json::parse(created->body).at("event_id");

  const auto item =
      client.send({.method = "GET", .target = "/api/v1/audit/events/" + id, .body = {}, .headers = {}});
  ASSERT_TRUE(item) << item.error();
  ASSERT_EQ(item->status, 200) << item->body;
  EXPECT_EQ(json::parse(item->body).at("event_data"), event["event_data"]);
  EXPECT_EQ(json::parse(item->body).at("actor_id"), "gateway-service");

  const auto listed = client.send({.method = "GET",
                                   .target = "/api/v1/audit/events?correlation_id=apply-serves-events",
                                   .body = {},
                                   .headers = {}});
  ASSERT_TRUE(listed) << listed.error();
  const json page = json::parse(listed->body);
  ASSERT_EQ(page.at("data").size(), 1U) << listed->body;
  EXPECT_EQ(page.at("data").at(0).at("event_id"), id);
  EXPECT_EQ(page.at("pagination").at("total"), 1);
}

TEST_F(ApplyServesEvents, RefusesBadEventsNamingTheField) {
  const Postgres postgres(name_space(), 40);
  apply(pool("audit", 1));
  ASSERT_TRUE(becomes_ready("audit", 1));
  const PortForward forward(name_space(), "svc/audit", 8080);
  HttpClient client(forward.port());

  json event = sample_event("bad", 1);
  event["event_outcome"] = "perhaps";
  const auto refused = client.send(post_event(event));
  ASSERT_TRUE(refused) << refused.error();
  EXPECT_EQ(refused->status, 400);
  EXPECT_EQ(refused->content_type, "application/problem+json");
  EXPECT_THAT(refused->body, HasSubstr("event_outcome"));
  EXPECT_THAT(refused->body, HasSubstr("perhaps"));

  HttpRequest unparsable = post_event(event);
  unparsable.body = "{\"version\": ";
  const auto broken = client.send(unparsable);
  ASSERT_TRUE(broken) << broken.error();
  EXPECT_EQ(broken->status, 400);

  // The process lives on.
  const auto good = client.send(post_event(sample_event("good", 2)));
  ASSERT_TRUE(good) << good.error();
  EXPECT_EQ(good->status, 201) << good->body;
}

TEST_F(ApplyServesEvents, ConnectsWithEverySslMode) {
  const Postgres postgres(name_space(), 60);
  for (const std::string mode : {"disable", "require", "verify-ca", "verify-full"}) {
    json changes = {{"spec",
                     {{"postgres", {{"sslMode", mode}, {"host", postgres.direct_host()}}},
                      {"pool", {{"maxOpenConns", 3}, {"maxIdleConns", 3}}}}}};
    if (mode.starts_with("verify")) changes["spec"]["postgres"]["caSecretRef"] = {{"name", kAuthority}};
    apply(pool(mode, 1, changes));
  }
  for (const std::string mode : {"disable", "require", "verify-ca", "verify-full"}) {
    EXPECT_TRUE(becomes_ready(mode, 1)) << mode;
    const PortForward forward(name_space(), "svc/" + mode, 8080);
    const auto created = HttpClient(forward.port()).send(post_event(sample_event(mode, 1)));
    ASSERT_TRUE(created) << created.error();
    EXPECT_EQ(created->status, 201) << mode << ": " << created->body;
    const std::string pod_ip = get("pod", mode + "-0").at("status").at("podIP");
    const auto encrypted = postgres.superuser(
        "select distinct s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where a.client_addr = "
        "'" +
        pod_ip + "'");
    EXPECT_EQ(encrypted, std::vector<std::string>{mode == "disable" ? "f" : "t"}) << mode;
  }
}

}  // namespace
}  // namespace storagepool::e2e
