#include "pool/service/routes/workspaces.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pool/common/http/message/target.h"
#include "pool/workspaces/testing/workspace_pod.h"

namespace storagepool::service {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using postgres::testing::in;
using ::testing::HasSubstr;

class WorkspaceRoutesTest : public workspaces::testing::WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    pod_ = std::make_unique<workspaces::testing::Pod>(context_, *server_);
    add_workspace_routes(router_, {pod_->workspaces, [] { return in(20s); }, [] { return false; }});
  }
  void TearDown() override { pod_.reset(); }

  http::Response ask(const std::string& method, const std::string& target) {
    const auto parsed = http::parse_target("/api/v1/workspaces" + target);
    if (!parsed) throw std::runtime_error(parsed.error());
    http::Request request;
    request.method = method;
    request.path = parsed->path;
    request.query = parsed->query;
    request.access = access_;
    return run(router_.handle(request));
  }
  // The detail of a problem of this status.
  std::string refused(unsigned status, const std::string& method, const std::string& target) {
    const auto response = ask(method, target);
    EXPECT_EQ(response.status, status) << method << " " << target << ": " << response.body;
    EXPECT_EQ(response.content_type, "application/problem+json");
    const json body = json::parse(response.body);
    EXPECT_EQ(body["status"], status);
    return body["detail"];
  }

  static http::Access all() {
    http::Access access;
    access.admin = true;
    return access;
  }

  std::unique_ptr<workspaces::testing::Pod> pod_;
  http::Router router_;
  http::Access access_ = all();
};

TEST_F(WorkspaceRoutesTest, CreateDescribeListAndDelete) {
  EXPECT_EQ(ask("GET", "").body, R"({"workspaces":[]})");
  EXPECT_EQ(refused(404, "GET", "/team-a"), "there is no workspace team-a");
  EXPECT_EQ(refused(404, "DELETE", "/team-a"), "there is no workspace team-a");

  const auto created = ask("PUT", "/team-a");
  EXPECT_EQ(created.status, 201U) << created.body;
  const json workspace = json::parse(created.body);
  EXPECT_EQ(workspace["name"], "team-a");
  EXPECT_EQ(workspace["state"], "ready");
  EXPECT_TRUE(runtime::parse_timestamp(workspace["created_at"].get<std::string>()));
  const auto again = ask("PUT", "/team-a");
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(json::parse(again.body), workspace);
  EXPECT_EQ(json::parse(ask("GET", "/team-a").body), workspace);
  EXPECT_EQ(json::parse(ask("GET", "").body), json::object({{"workspaces", json::array({workspace})}}));

  const auto deleting = ask("DELETE", "/team-a");
  EXPECT_EQ(deleting.status, 202U);
  EXPECT_EQ(deleting.body, R"({"name":"team-a","state":"deleting"})");
  EXPECT_EQ(refused(409, "PUT", "/team-a"), "the workspace team-a is being deleted");
  EXPECT_EQ(json::parse(ask("GET", "/team-a").body)["state"], "deleting");
  pod_->start();
  http::Response gone;
  wait_until([&] {
    gone = ask("DELETE", "/team-a");
    return gone.status != 202;
  });
  EXPECT_EQ(gone.status, 204U);
  EXPECT_EQ(gone.body, "");
  refused(404, "GET", "/team-a");
}

TEST_F(WorkspaceRoutesTest, TakeTheScopesThatTheyNeed) {
  ASSERT_EQ(ask("PUT", "/team-a").status, 201U);
  access_ = http::no_access();
  for (const char* method : {"PUT", "GET", "DELETE"}) refused(403, method, "/team-a");
  refused(403, "GET", "");
  access_.read = true;
  EXPECT_EQ(ask("GET", "/team-a").status, 200U);
  EXPECT_EQ(ask("GET", "").status, 200U);
  access_.write = true;
  EXPECT_EQ(ask("PUT", "/team-a").status, 200U);
  EXPECT_EQ(refused(403, "DELETE", "/team-a"),
            "the token lacks the scope \"admin\", which this request needs");
  refused(400, "DELETE", "/Team");
  access_ = http::no_access();
  access_.admin = true;
  EXPECT_EQ(ask("PUT", "/team-b").status, 201U);
  refused(403, "GET", "/team-b");
  EXPECT_EQ(ask("DELETE", "/team-b").status, 202U);
}

TEST_F(WorkspaceRoutesTest, AreThoseThatATokenIsFor) {
  for (const char* name : {"team-a", "team-b", "dev-1", "dev-2"}) {
    ASSERT_EQ(ask("PUT", "/" + std::string(name)).status, 201U);
  }
  access_.known = true;
  access_.workspaces = {"team-a", "dev-?", "new", "_system", "%"};
  const auto names = [&](const std::string& query) {
    std::string all;
    const json body = json::parse(ask("GET", query).body);
    for (const json& workspace : body["workspaces"]) all += workspace["name"].get<std::string>() + " ";
    return all;
  };
  EXPECT_EQ(names(""), "dev-1 dev-2 team-a ");
  EXPECT_EQ(names("?limit=2"), "dev-1 dev-2 ");
  EXPECT_EQ(names("?limit=2&after=dev-2"), "team-a ");
  for (const char* method : {"PUT", "GET", "DELETE"}) {
    EXPECT_EQ(refused(403, method, "/team-b"), "the token is not for the workspace team-b");
    EXPECT_EQ(refused(403, method, "/nowhere"), "the token is not for the workspace nowhere");
  }
  EXPECT_EQ(ask("GET", "/team-a").status, 200U);
  EXPECT_EQ(ask("PUT", "/new").status, 201U);
  EXPECT_EQ(ask("DELETE", "/dev-1").status, 202U);
  access_.workspaces.emplace();
  EXPECT_EQ(names(""), "");
}

TEST_F(WorkspaceRoutesTest, PageTheList) {
  for (const char* name : {"a", "b", "c"}) {
    const auto created = ask("PUT", std::string("/") + name);
    ASSERT_EQ(created.status, 201U) << created.body;
  }
  const auto names = [&](const std::string& query) {
    std::string all;
    const json body = json::parse(ask("GET", query).body);
    for (const json& workspace : body["workspaces"]) all += workspace["name"].get<std::string>();
    return all;
  };
  EXPECT_EQ(names(""), "abc");
  EXPECT_EQ(names("?limit=2"), "ab");
  EXPECT_EQ(names("?limit=2&after=b"), "c");
  EXPECT_EQ(names("?limit=1000&after="), "abc");
  for (const char* limit : {"0", "1001", "-1", "x", "1x", "", "99999999999999999999"}) {
    EXPECT_THAT(refused(400, "GET", std::string("?limit=") + limit), HasSubstr("an integer from 1 to 1000"));
  }
  EXPECT_THAT(refused(400, "GET", "?after=a_b"), HasSubstr("allowed: the name of a workspace"));
}

TEST_F(WorkspaceRoutesTest, RefuseHostileNames) {
  for (const char* name : {"a'%3B%20drop", "A", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "-a", "a-",
                           "a_b", "%2541", "a%0A", "..", "%C3%A9", "%ff"}) {
    for (const char* method : {"PUT", "GET", "DELETE"}) {
      EXPECT_THAT(refused(400, method, std::string("/") + name), HasSubstr("workspace: got ")) << name;
    }
  }
  refused(404, "PUT", "/a%2Fb");
  refused(405, "POST", "/a");
  refused(405, "DELETE", "");
}

TEST_F(WorkspaceRoutesTest, TellWhatTheRoleLacks) {
  sql("ALTER ROLE app NOCREATEDB");
  const std::string detail = refused(500, "PUT", "/w");
  sql("ALTER ROLE app CREATEDB");
  EXPECT_THAT(detail, HasSubstr("CREATEDB"));
}

TEST_F(WorkspaceRoutesTest, SayWhenToComeAgain) {
  server_->stop();
  pod_->engine.reconfigure({.acquire_timeout = 100ms});
  const auto away = ask("PUT", "/w");
  server_->start();
  EXPECT_EQ(away.status, 503U);
  const bool told = std::any_of(away.headers.begin(), away.headers.end(),
                                [](const auto& field) { return field.first == "Retry-After"; });
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace storagepool::service
