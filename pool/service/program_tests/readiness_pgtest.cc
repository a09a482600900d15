// When the running program is ready for traffic, what it serves meanwhile, and what it tells the operator.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using testing::valid_event;

class DataStorageReadinessTest : public testing::LoneProgramTest {
 protected:
  void take_postgresql_away() {
    server_.stop();
    ASSERT_TRUE(pod_.reports("unreachable")) << pod_.log();
    ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_postgres_usable") == 0; }));
  }
  void expect_unavailable(const testing::HttpResponse& answer) {
    EXPECT_EQ(answer.status, 503U) << answer.body;
    EXPECT_GE(std::stoi(answer.headers.at("retry-after")), 1);
  }
  json leave(bool leaving) {
    const auto answer = pod_.admin("PUT", "/admin/leaving", json{{"leaving", leaving}}.dump());
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return json::parse(answer.body);
  }
  // Why the pod is not ready, by the port that a Service would ask.
  std::string reasons() { return pod_.health("/readyz").body; }
};

TEST_F(DataStorageReadinessTest, LastsWhileTheJournalTakesEvents) {
  start();
  EXPECT_EQ(pod_.health("/readyz").body, R"({"status":"ready"})");
  take_postgresql_away();
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto readyz = pod_.health("/readyz");
    EXPECT_EQ(readyz.status, 200U) << readyz.body;
    EXPECT_THAT(json::parse(readyz.body).at("degraded").at(0).get<std::string>(),
                HasSubstr("PostgreSQL is not reachable"));
    EXPECT_EQ(pod_.create(valid_event()).status, 202U);
    for (const auto& [method, path] :
         {std::pair{"GET", kEvents}, std::pair{"GET", kEvents + "/0197a1c2-0000-7000-8000-000000000000"},
          std::pair{"GET", std::string("/api/v1/workspaces")},
          std::pair{"PUT", std::string("/api/v1/workspaces/team-a")}}) {
      expect_unavailable(pod_.api(method, path));
    }
    const json report = pod_.settings();
    EXPECT_EQ(report.at("notReady"), json::array());
    EXPECT_EQ(report.at("journal").at("waitingUnits"), restarts + 1);
    EXPECT_EQ(report.at("journal").at("waitingEvents"), restarts + 1);
    EXPECT_EQ(report.at("journal").at("takesEvents"), true);
    EXPECT_EQ(pod_.facts().at("reachable"), false);
    EXPECT_EQ(pod_.metric("storagepool_ready"), 1);
    EXPECT_EQ(pod_.metric("storagepool_journal_takes_events"), 1);
    if (restarts > 0) break;
    EXPECT_EQ(pod_.stop(), 0) << pod_.log();
    pod_.start();  // on the volume that knows the server
    EXPECT_TRUE(pod_.reports("unreachable")) << pod_.log();
  }
  server_.start();
  EXPECT_TRUE(eventually([&] { return pod_.api("GET", kEvents).status == 200; })) << pod_.log();
  EXPECT_TRUE(eventually([&] { return pod_.settings().at("journal").at("waitingUnits") == 0; }));
  EXPECT_EQ(json::parse(pod_.api("GET", kEvents).body).at("pagination").at("total"), 2);
}

TEST_F(DataStorageReadinessTest, IsNotThereBeforePostgresqlWasReachedOnce) {
  server_.stop();
  pod_.start();
  EXPECT_TRUE(pod_.reports("unreachable")) << pod_.log();
  EXPECT_THAT(reasons(), HasSubstr("never been used"));
  EXPECT_EQ(pod_.health("/readyz").status, 503U);
  expect_unavailable(pod_.create(valid_event()));
  EXPECT_EQ(pod_.metric("storagepool_ready"), 0);
  server_.start();
  EXPECT_TRUE(pod_.becomes_ready()) << pod_.log();
}

TEST_F(DataStorageReadinessTest, APodToldToLeaveServesAsBeforeForItsDelay) {
  start({"--drain-delay=5m"});
  const json report = leave(true);
  EXPECT_EQ(report.at("leaving"), false) << "its journal may still be filled";
  EXPECT_EQ(report.at("notReady"), json::array({"leaving"}));
  EXPECT_EQ(pod_.health("/readyz").status, 503U);
  EXPECT_EQ(pod_.create(valid_event()).headers.at("connection"), "close");
  take_postgresql_away();
  EXPECT_EQ(pod_.create(valid_event()).status, 202U);
  leave(false);
  EXPECT_EQ(pod_.health("/readyz").status, 200U);
  pod_.signal(SIGTERM);
  pod_.signal(SIGTERM);
}

TEST_F(DataStorageReadinessTest, ALeavingPodTakesNothingNewIntoItsJournalAfterItsDelay) {
  start({"--pod-uid=a"});
  const json report = leave(true);
  EXPECT_EQ(report.at("leaving"), true);
  EXPECT_EQ(report.at("notReady"), json::array({"leaving"}));
  EXPECT_EQ(pod_.health("/readyz").status, 503U);
  EXPECT_THAT(reasons(), HasSubstr("leaving"));
  EXPECT_EQ(pod_.metric("storagepool_leaving"), 1);
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
  take_postgresql_away();
  expect_unavailable(pod_.create(valid_event()));

  EXPECT_EQ(leave(false).at("leaving"), false);
  EXPECT_EQ(pod_.health("/readyz").status, 200U);
  EXPECT_EQ(pod_.create(valid_event()).status, 202U);
  leave(true);
  server_.start();
  EXPECT_TRUE(eventually([&] { return pod_.settings().at("journal").at("waitingUnits") == 0; }))
      << "a leaving pod replays" << pod_.log();
  EXPECT_EQ(pod_.admin("PUT", "/admin/leaving", "{}").status, 400U);
  for (const auto& [uid, leaving] : {std::pair("a", true), std::pair("b", false)}) {
    EXPECT_EQ(pod_.stop(), 0) << pod_.log();
    pod_.start({}, {std::string("--pod-uid=") + uid});
    EXPECT_EQ(pod_.settings().at("leaving"), leaving) << uid;
  }
}

TEST_F(DataStorageReadinessTest, IsToldOnTheApisPortWithoutAToken) {
  pod_.write("auth/token", "a-token-that-nobody-sends-0123456789abcdef\n");
  start({"--auth-mode=Token"});
  for (const char* path : {"/readyz", "/livez", "/healthz"}) {
    EXPECT_EQ(pod_.api("GET", path).status, 200U) << path;
    EXPECT_EQ(pod_.api("GET", path).body.substr(0, 9), pod_.health(path).body.substr(0, 9));
    EXPECT_EQ(pod_.api("POST", path).status, 405U) << path;
  }
  EXPECT_EQ(pod_.api("GET", "/readyz/x").status, 401U);
}

TEST_F(DataStorageReadinessTest, IsToldHoweverManyConnectionsAreHeld) {
  start();
  std::vector<int> held;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(pod_.health_port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 200; ++i) {
    held.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(held.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pod_.health("/livez").status, 200U);
  for (const int socket : held) ::close(socket);
}

}  // namespace
}  // namespace storagepool::service
