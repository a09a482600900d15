// A workspace's database that is set back to an older copy while no pod runs.
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::valid_event;

class WorkspaceRollbackTest : public testing::LoneProgramTest {
 protected:
  void create(const std::string& workspace) const {
    const auto created = pod_.api("POST", path(workspace) + "/audit/events", valid_event().dump());
    EXPECT_EQ(created.status, 201U) << created.body;
  }
  static std::string path(const std::string& workspace) { return "/api/v1/workspaces/" + workspace; }
  testing::HttpResponse status(const std::string& workspace) const {
    return pod_.api("GET", path(workspace) + "/audit/log/status");
  }
  bool shows(const std::string& workspace, int size) const {
    return eventually([&] {
      const auto answer = status(workspace);
      return answer.status == 200 && json::parse(answer.body).at("size") == size;
    });
  }
  double rolled_back() const {
    const std::string text = pod_.metrics();
    const std::string sample = "storagepool_log_alarms_total{alarm=\"LogRolledBack\"} ";
    const std::size_t at = text.find(sample);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + sample.size()));
  }
  void start() {
    pod_.write("auth/tokens", pod_.token + " auditor:read,write,admin\n");
    LoneProgramTest::start({"--auth-mode=Token"});
  }
  // Two workspaces with an event each, of which that of team-a is copied; then each has another one.
  void begin() {
    server_.superuser("ALTER ROLE app CREATEDB");
    pod_.token = "auditor-0123456789abcdef0123456789abcdef";
    start();
    for (const char* workspace : {"team-a", "team-b"}) {
      ASSERT_EQ(pod_.api("PUT", path(workspace)).status, 201U) << pod_.log();
      create(workspace);
      ASSERT_TRUE(shows(workspace, 1)) << pod_.log();
    }
    ASSERT_EQ(pod_.stop(), 0) << pod_.log();
    server_.superuser("CREATE DATABASE older TEMPLATE audit_ws_team_a OWNER app");
    start();
    for (const char* workspace : {"team-a", "team-b"}) {
      create(workspace);
      ASSERT_TRUE(shows(workspace, 2)) << pod_.log();
    }
  }
  void set_back() {
    ASSERT_EQ(pod_.stop(), 0) << pod_.log();
    server_.superuser("ALTER DATABASE audit_ws_team_a RENAME TO newer");
    server_.superuser("ALTER DATABASE older RENAME TO audit_ws_team_a");
    start();
  }
};

TEST_F(WorkspaceRollbackTest, IsRefusedByPodsThatHaveNotSeenTheLogBefore) {
  begin();
  set_back();
  create("team-a");
  EXPECT_TRUE(eventually([&] { return rolled_back() > 0; })) << pod_.log();
  EXPECT_EQ(status("team-a").status, 503U);
  EXPECT_THAT(pod_.log(), HasSubstr("the log was shown larger than it is: it has 1 entries, not 2"));
  EXPECT_EQ(server_.superuser("SELECT size FROM audit_log", "audit_ws_team_a").at(0), "1");
  create("team-b");
  EXPECT_TRUE(shows("team-b", 3)) << "it is not concerned";
  // With the newer one at hand all is well again.
  ASSERT_EQ(pod_.stop(), 0) << pod_.log();
  server_.superuser("ALTER DATABASE audit_ws_team_a RENAME TO wrong");
  server_.superuser("ALTER DATABASE newer RENAME TO audit_ws_team_a");
  start();
  create("team-a");
  EXPECT_TRUE(shows("team-a", 3)) << pod_.log();
  EXPECT_EQ(rolled_back(), 0);
}

TEST_F(WorkspaceRollbackTest, GoesOnInAnotherEpochOnceSomebodyHasSaidSo) {
  begin();
  const std::string origin = json::parse(status("team-a").body).at("origin");
  const std::string restart = path("team-a") + "/audit/log/restart";
  const std::string because = R"({"reason":"the backup of Monday"})";
  json said = json::parse(pod_.api("POST", restart, because).body);
  EXPECT_EQ(said, json({{"restarted", false}, {"origin", origin}, {"size", 2}}));
  set_back();
  EXPECT_EQ(pod_.api("POST", restart, "{}").status, 400U);
  const auto answer = pod_.api("POST", restart, because);
  ASSERT_EQ(answer.status, 200U) << answer.body << pod_.log();
  EXPECT_EQ(json::parse(answer.body), json({{"restarted", true}, {"origin", origin + "/e2"}, {"size", 1}}));
  EXPECT_GT(rolled_back(), 0);
  create("team-a");
  EXPECT_TRUE(shows("team-a", 2)) << pod_.log();
  EXPECT_EQ(json::parse(status("team-a").body).at("origin"), origin + "/e2");
  said = json::parse(pod_.api("POST", restart, because).body);
  EXPECT_EQ(said, json({{"restarted", false}, {"origin", origin + "/e2"}, {"size", 2}}));
  const json acts =
      json::parse(pod_.api("GET", testing::kEvents + "?event_type=storagepool.log.restarted").body)
          .at("data");
  ASSERT_EQ(acts.size(), 1U);
  EXPECT_EQ(acts[0].at("actor_id"), "auditor");
  EXPECT_EQ(acts[0].at("resource_id"), "team-a");
  const json& data = acts[0].at("event_data");
  EXPECT_EQ(data.at("reason"), "the backup of Monday");
  EXPECT_EQ(data.at("origin"), origin + "/e2");
  EXPECT_EQ(data.at("size"), 1);
  EXPECT_EQ(data.at("before").at("origin"), origin);
  EXPECT_EQ(data.at("before").at("size"), 2);
  // Pods that come later know it.
  ASSERT_EQ(pod_.stop(), 0) << pod_.log();
  start();
  create("team-a");
  EXPECT_TRUE(shows("team-a", 3)) << pod_.log();
  EXPECT_EQ(rolled_back(), 0);
}

TEST_F(WorkspaceRollbackTest, IsNotRestartedOverAStateThatSomebodyWrote) {
  begin();
  server_.superuser("UPDATE audit_log SET last_batch = last_batch + 1", "audit_ws_team_a");
  testing::HttpResponse answer;
  EXPECT_TRUE(eventually([&] {
    answer = pod_.api("POST", path("team-a") + "/audit/log/restart", R"({"reason":"r"})");
    return answer.status == 409;
  })) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr("its MAC is of no key of this log"));
}

}  // namespace
}  // namespace storagepool::service
