// The running program while the registry of workspaces is lost or cannot be read: no workspace is denied,
// what is written is kept, and a person is told what to mend.
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
using testing::valid_event;

class DataStorageRegistryTest : public testing::LoneProgramTest {
 protected:
  static inline const std::string kWorkspace = "/api/v1/workspaces/team-a";
  static inline const std::string kTheirs = kWorkspace + "/audit/events";

  void start_who_may_drop() {
    pod_.token = "admin-0123456789abcdef0123456789abcdef";
    pod_.write("auth/tokens", pod_.token + " admin:read,write,admin\n");
    start({"--auth-mode=Token"});
  }
  void start_with_workspace() {
    server_.superuser("ALTER ROLE app CREATEDB");
    start_who_may_drop();
    ASSERT_EQ(pod_.api("PUT", kWorkspace).status, 201U);
    ASSERT_EQ(pod_.api("POST", kTheirs, valid_event().dump()).status, 201U);
  }
  void registry(const std::string& statement) { server_.superuser(statement, "audit"); }
  // That the pod of before goes on with the workspace, and one that has not seen it waits.
  void expect_awaited(const std::string& fault) {
    EXPECT_EQ(pod_.api("GET", kTheirs).status, 200U);
    EXPECT_EQ(pod_.api("POST", kTheirs, valid_event().dump()).status, 201U);
    EXPECT_EQ(pod_.stop(), 0) << pod_.log();
    start_who_may_drop();
    for (const auto& [method, path] :
         {std::pair{"GET", kTheirs}, std::pair{"GET", kWorkspace}, std::pair{"PUT", kWorkspace},
          std::pair{"DELETE", kWorkspace}, std::pair{"GET", std::string("/api/v1/workspaces")}}) {
      const auto answer = pod_.api(method, path);
      EXPECT_EQ(answer.status, 503U) << method << " " << path << answer.body;
      EXPECT_TRUE(answer.headers.contains("retry-after")) << method << " " << path;
    }
    EXPECT_EQ(pod_.api("POST", kTheirs, valid_event().dump()).status, 202U);
    const json batch = {valid_event(), valid_event()};
    EXPECT_EQ(pod_.api("POST", kTheirs + "/batch", batch.dump()).status, 201U);
    EXPECT_EQ(pod_.create(valid_event()).status, 201U) << "into the system database";
    EXPECT_TRUE(eventually([&] { return pod_.facts().value("fault", "") == fault; })) << pod_.facts();
    EXPECT_EQ(pod_.facts().at("reachable"), true);
    const auto readyz = pod_.health("/readyz");
    EXPECT_EQ(readyz.status, 200U);
    EXPECT_THAT(json::parse(readyz.body).at("degraded").dump(), HasSubstr("registry of workspaces"));
  }
  void expect_mended(int events) {
    EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
        << pod_.log();
    EXPECT_EQ(pod_.metric("storagepool_journal_set_aside_units"), 0);
    EXPECT_EQ(json::parse(pod_.api("GET", kTheirs).body).at("pagination").at("total"), events);
    EXPECT_TRUE(eventually([&] { return !pod_.facts().contains("fault"); })) << pod_.facts();
    EXPECT_EQ(pod_.health("/readyz").body, R"({"status":"ready"})");
  }
};

TEST_F(DataStorageRegistryTest, AnUnreadableOneDeniesNoWorkspace) {
  start_with_workspace();
  registry("ALTER TABLE storagepool_workspaces RENAME TO elsewhere");
  expect_awaited("other");
  registry("ALTER TABLE elsewhere RENAME TO storagepool_workspaces");
  expect_mended(5);
  registry("REVOKE SELECT ON storagepool_workspaces FROM app");
  expect_awaited("not_permitted");
  registry("GRANT SELECT ON storagepool_workspaces TO app");
  expect_mended(9);
}

}  // namespace
}  // namespace storagepool::service
