// What the flags of the running program change.
#include <chrono>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/http/testing/loopback.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/service/config/options.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/tables/partitions.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::HttpResponse;
using testing::kEvents;
using ::testing::Not;
using testing::Pod;
using testing::valid_event;

constexpr const char* kCountMonths =
    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass AND inhrelid <> "
    "'audit_events_default'::regclass";

bool reachable_on_ipv6(std::uint16_t port) {
  const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(port);
  const bool reached = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return reached;
}

class DataStorageFlagsTest : public testing::ProgramTest {
 protected:
  HttpResponse create(std::chrono::minutes from_now) const {
    json event = valid_event();
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    event["event_timestamp"] = runtime::format_timestamp(now + from_now);
    return pod_.create(event);
  }
  HttpResponse send(const std::string& method, const std::string& target, const std::string& token,
                    const std::string& body = {}) const {
    testing::HttpHeaders headers;
    if (!token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    return testing::http(pod_.api_port(), method, target, headers, body);
  }

  // How many requests to the API were refused for this reason.
  double refusals(const std::string& reason) const {
    return pod_.metric("storagepool_http_auth_refused_total{reason=\"" + reason + "\",server=\"api\"}");
  }
};

TEST_F(DataStorageFlagsTest, EventTimesAreLimitedByDefault) {
  start();
  using std::chrono::hours;
  using std::chrono::minutes;
  EXPECT_EQ(create(minutes{59}).status, 201U);
  EXPECT_THAT(create(minutes{61}).body, HasSubstr("from 168h ago to 1h ahead"));
  EXPECT_EQ(create(-hours{24 * 7 - 1}).status, 201U);
  EXPECT_EQ(create(-hours{24 * 7 + 1}).status, 400U);
}

TEST_F(DataStorageFlagsTest, EventMaxFutureAndPastMoveTheLimits) {
  start({"--event-max-future=5m", "--event-max-past=30m"});
  using std::chrono::minutes;
  EXPECT_EQ(create(minutes{4}).status, 201U);
  EXPECT_EQ(create(minutes{6}).status, 400U);
  EXPECT_EQ(create(-minutes{29}).status, 201U);
  EXPECT_THAT(create(-minutes{31}).body, HasSubstr("from 30m ago to 5m ahead"));
}

// Both ends of the range: what is least raises nothing, what is most raises all.
TEST_F(DataStorageFlagsTest, EventsOfACategoryAreKeptForAsLongAsItsLeastDays) {
  start({"--retention-min-days=least=1,some=90,most=2555"});
  const auto kept = [&](const char* category, int asked) {
    json event = valid_event();
    event["event_category"] = category;
    event["retention_days"] = asked;
    const auto created = pod_.create(event);
    EXPECT_EQ(created.status, 201U) << created.body;
    const std::string id = json::parse(created.body).value("event_id", "");
    return json::parse(pod_.api("GET", kEvents + "/" + id).body).at("retention_days").get<int>();
  };
  EXPECT_EQ(kept("least", 1), 1);
  EXPECT_EQ(kept("some", 1), 90);
  EXPECT_EQ(kept("some", 90), 90);
  EXPECT_EQ(kept("some", 91), 91);
  EXPECT_EQ(kept("most", 1), 2555);
  EXPECT_EQ(kept("another", 1), 1);
}

TEST_F(DataStorageFlagsTest, WhatIsAskedForIsIndexedAndIsNotAnyMoreWhenItIsNot) {
  const auto indexed = [](const char* number) {
    return server_->superuser(
               "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid::regclass::text ~ "
               "'^audit_events_.*_by_(actor|resource)$'",
               "audit") == std::vector<std::string>{number};
  };
  server_->empty("audit");
  start({"--indexes=Resource,Actor"});
  EXPECT_TRUE(eventually([&] { return indexed("12"); })) << pod_.log();
  EXPECT_TRUE(eventually([&] { return pod_.log().find(R"("left":0)") != std::string::npos; })) << pod_.log();
  EXPECT_EQ(pod_.metric("storagepool_event_indexes_left"), 0);
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(json::parse(pod_.api("GET", kEvents + "?actor_id=gateway-service").body).at("data").size(), 1U);
  pod_.stop();
  start({"--indexes=Actor"});
  EXPECT_TRUE(eventually([&] { return indexed("6"); })) << pod_.log();
  pod_.stop();
  start();
  EXPECT_TRUE(eventually([&] { return indexed("0"); })) << pod_.log();
}

// Its entry says so, and a call that is repeated after the setting was changed is the same call.
TEST_F(DataStorageFlagsTest, WhatAnEventIsKeptForIsInItsEntryAndStays) {
  json event = valid_event();
  event["event_id"] = "0190a6e2-9b7c-7def-8123-456789abcdef";
  event["event_category"] = "security";
  event["retention_days"] = 30;
  event["correlation_id"] = "kept";
  for (const char* days : {"security=365", "security=1", "security=2555"}) {
    start({std::string("--retention-min-days=") + days});
    const auto created = pod_.create(event);
    EXPECT_EQ(created.status, 201U) << days << ": " << created.body;
    const std::string id = event["event_id"];
    EXPECT_EQ(json::parse(pod_.api("GET", kEvents + "/" + id).body).at("retention_days"), 365) << days;
    pod_.stop();
  }
  start();
  const std::string body = json{{"correlation_id", "kept"}}.dump();
  const auto verified = [&] {
    const auto said = pod_.api("POST", "/api/v1/audit/verify-chain", body);
    return said.status == 200 && json::parse(said.body).at("is_valid") == true &&
           json::parse(said.body).at("verified_events") == 1;
  };
  EXPECT_TRUE(eventually(verified)) << pod_.api("POST", "/api/v1/audit/verify-chain", body).body;
}

TEST_F(DataStorageFlagsTest, WithoutAuthenticationNobodyIsShownTheFigures) {
  start();
  EXPECT_EQ(send("GET", kEvents, "").status, 200U);
  const auto missing = send("GET", "/api/admin.connectionStats", "");
  EXPECT_EQ(missing.status, 401U);
  EXPECT_EQ(missing.body, R"({"error":"Authorization header is required"})");
  EXPECT_EQ(send("GET", "/api/admin.connectionStats", "x").body, R"({"error":"Invalid token"})");
  EXPECT_EQ(send("GET", "/admin/metrics/database", "").status, 401U);
}

TEST_F(DataStorageFlagsTest, TheFiguresAreForReaders) {
  server_->superuser("ALTER ROLE app CREATEDB");  // for the workspace
  const std::string reader = "reader-0123456789abcdef0123456789abcdef";
  pod_.write("auth/token", reader + "\n");
  start({"--auth-mode=Token"});
  const std::string workspace = "/api/v1/workspaces/team-a";
  EXPECT_EQ(send("PUT", workspace, reader).status, 201U);
  EXPECT_EQ(send("GET", workspace + "/audit/events", reader).status, 200U);
  const auto stats = send("GET", "/api/admin.connectionStats", reader);
  EXPECT_EQ(stats.status, 200U);
  EXPECT_EQ(json::parse(stats.body).at("maxConnections"), 4);
  EXPECT_TRUE(json::parse(stats.body).at("workspacePools").contains("team-a")) << stats.body;
  const auto metrics = send("GET", "/admin/metrics/database", reader);
  EXPECT_EQ(metrics.status, 200U);
  EXPECT_EQ(json::parse(metrics.body).at("server").at("maxConnections"),
            pod_.facts().at("facts").at("maxConnections"));
}

TEST_F(DataStorageFlagsTest, TokensTellReadersAndWritersApartAndAreRotatedLive) {
  pod_.write("auth/read", "reader-0123456789abcdef0123456789abcdef\n");
  pod_.write("auth/write", "writer-0123456789abcdef0123456789abcdef\n");
  start({"--auth-mode=Token"});
  const std::string reader = "reader-0123456789abcdef0123456789abcdef";
  const std::string writer = "writer-0123456789abcdef0123456789abcdef";
  const std::string event = valid_event().dump();
  EXPECT_THAT(send("GET", kEvents, "").body, HasSubstr("Missing Authorization header"));
  EXPECT_EQ(send("GET", "/nowhere", "").status, 401U);
  EXPECT_THAT(send("POST", kEvents, "x", event).body, HasSubstr("Invalid or expired token"));
  EXPECT_EQ(send("POST", kEvents, writer, event).status, 201U);
  EXPECT_EQ(send("GET", kEvents, writer).status, 403U);
  EXPECT_EQ(send("GET", kEvents, reader).status, 200U);
  EXPECT_EQ(send("POST", kEvents, reader, event).status, 403U);
  EXPECT_EQ(send("POST", kEvents, reader, "{").status, 400U);  // before the permission
  EXPECT_EQ(send("POST", kEvents, "", std::string(std::size_t{6} << 20, ' ')).status,
            413U);  // before the token
  EXPECT_EQ(send("GET", "/admin/metrics/database", reader).status, 200U);
  EXPECT_EQ(refusals("missing"), 2);
  EXPECT_EQ(refusals("invalid"), 1);
  EXPECT_EQ(refusals("forbidden"), 2);
  EXPECT_EQ(refusals("malformed"), 0);
  EXPECT_EQ(refusals("expired"), 0);

  pod_.write("auth/read", "rotated-0123456789abcdef0123456789abcdef\n");
  EXPECT_TRUE(eventually([&] { return send("GET", kEvents, reader).status == 401; }));
  EXPECT_EQ(send("GET", kEvents, "rotated-0123456789abcdef0123456789abcdef").status, 200U);
  EXPECT_THAT(pod_.log(), Not(HasSubstr("0123456789abcdef")));
}

TEST_F(DataStorageFlagsTest, ARateLimitRefusesWithRetryAfter) {
  start({"--rate-limit=0.01", "--rate-limit-burst=3"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(pod_.metric("storagepool_http_rate_limited_total"), 0);
  const auto refused = pod_.create(valid_event());
  EXPECT_EQ(refused.status, 429U);
  EXPECT_GE(std::stoi(refused.headers.at("retry-after")), 1);
  EXPECT_EQ(pod_.metric("storagepool_http_rate_limited_total"), 1);
  EXPECT_EQ(pod_.health("/readyz").status, 200U);  // other ports are not concerned
}

TEST_F(DataStorageFlagsTest, EveryPortAnswersOnIPv6AndIPv4) {
  start({"--listen-address=" + Options().listen_address});
  for (const std::uint16_t port : {std::uint16_t{8080}, std::uint16_t{8081}}) {
    EXPECT_EQ(pod_.send(port, "GET", "/livez").status, 200U);
  }
  EXPECT_TRUE(reachable_on_ipv6(pod_.api_port()));
  EXPECT_TRUE(reachable_on_ipv6(pod_.health_port()));
}

TEST_F(DataStorageFlagsTest, TellsHowLongConnectionsAreKept) {
  start({"--keep-alive-timeout=620s"});
  const auto client = [&](const char* connection) {
    http::testing::Client asks(pod_.api_port());
    asks.send("GET /livez HTTP/1.1\r\nHost: h\r\nConnection: " + std::string(connection) + "\r\n\r\n");
    return asks.read()->header("keep-alive");
  };
  EXPECT_EQ(client("keep-alive"), "timeout=620");
  EXPECT_EQ(client("close"), "");
}

TEST_F(DataStorageFlagsTest, TheAccessLogHasRequestsAndNoToken) {
  pod_.write("auth/token", "both-0123456789abcdef0123456789abcdef01234567\n");
  start({"--auth-mode=Token", "--access-log=1"});
  const std::string token = "both-0123456789abcdef0123456789abcdef01234567";
  EXPECT_EQ(send("GET", kEvents + "?limit=3&detail_value=" + token, token).status, 400U);
  EXPECT_EQ(send("GET", "/" + token + token, token + "x").status, 401U);
  EXPECT_TRUE(eventually([&] { return pod_.log().find("\"status\":401") != std::string::npos; }))
      << pod_.log();
  EXPECT_THAT(
      pod_.log(),
      HasSubstr(
          R"("route":"/api/v1/audit/events","path":"/api/v1/audit/events","query":"limit=3&detail_value=*","status":400)"));
  EXPECT_THAT(pod_.log(), Not(HasSubstr(token)));
}

TEST_F(DataStorageFlagsTest, MonthsAreMadeBeforeTheFirstEvent) {
  server_->empty("audit");
  start();
  EXPECT_EQ(server_->superuser(kCountMonths, "audit"), std::vector<std::string>{"5"}) << pod_.log();
}

TEST_F(DataStorageFlagsTest, EventMaxPastMovesTheFirstMonth) {
  server_->empty("audit");
  start({"--event-max-past=8784h"});  // 366 days
  EXPECT_GE(std::stoi(server_->superuser(kCountMonths, "audit").at(0)), 4 + 12) << pod_.log();
}

TEST_F(DataStorageFlagsTest, AMonthThatCannotBeMadeKeepsNobodyFromServing) {
  server_->empty("audit");
  const auto now = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const std::chrono::year_month_day date{now};
  const std::string month = tables::partition_name(date.year() / date.month());
  server_->superuser("CREATE TABLE " + month + " (i int)", "audit");
  start();
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(server_->superuser("SELECT count(*) FROM audit_events_default", "audit").at(0), "1");
  EXPECT_THAT(pod_.log(), HasSubstr("months could not be made"));
}

}  // namespace
}  // namespace storagepool::service
