// Every operation that the description of the API has, as each scope may call it; and what events marked
// is_sensitive hold, which no operation shows to who lacks that scope. An operation that is new has to be
// added here.
#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/service/program_tests/testing/openapi.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/routes/openapi.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::HttpHeaders;
using testing::HttpResponse;
using testing::kEvents;
using ::testing::Not;
using testing::Operation;
using testing::valid_event;

using Scopes = std::set<std::string>;

// Any one of them is enough.
const std::map<std::string, Scopes>& scopes_of_operations() {
  static const std::map<std::string, Scopes> all = {
      {"POST /api/v1/audit/events", {"write"}},
      {"GET /api/v1/audit/events", {"read"}},
      {"POST /api/v1/audit/events/batch", {"write"}},
      {"GET /api/v1/audit/events/{event_id}", {"read"}},
      {"GET /api/v1/audit/events/{event_id}/proof", {"read", "verify"}},
      {"GET /api/v1/audit/feed", {"read", "export"}},
      {"GET /api/v1/audit/log/checkpoint", {"read", "verify"}},
      {"GET /api/v1/audit/log/tile/{tile}", {"read", "verify"}},
      {"GET /api/v1/audit/log/status", {"read", "verify"}},
      {"GET /api/v1/audit/export", {"read", "export"}},
      {"POST /api/v1/audit/verify-chain", {"read", "verify"}},
      {"DELETE /api/v1/audit/events/{event_id}/data", {"admin"}},
      {"POST /api/v1/audit/legal-hold", {"hold"}},
      {"GET /api/v1/audit/legal-hold", {"read", "hold"}},
      {"DELETE /api/v1/audit/legal-hold/{correlation_id}", {"hold"}},
      {"POST /api/v1/workspaces/{workspace}/audit/events", {"write"}},
      {"GET /api/v1/workspaces/{workspace}/audit/events", {"read"}},
      {"POST /api/v1/workspaces/{workspace}/audit/events/batch", {"write"}},
      {"GET /api/v1/workspaces/{workspace}/audit/events/{event_id}", {"read"}},
      {"DELETE /api/v1/workspaces/{workspace}/audit/events/{event_id}/data", {"admin"}},
      {"GET /api/v1/workspaces/{workspace}/audit/events/{event_id}/proof", {"read", "verify"}},
      {"POST /api/v1/workspaces/{workspace}/audit/log/restart", {"admin"}},
      {"GET /api/v1/workspaces/{workspace}/audit/log/checkpoint", {"read", "verify"}},
      {"GET /api/v1/workspaces/{workspace}/audit/log/tile/{tile}", {"read", "verify"}},
      {"GET /api/v1/workspaces/{workspace}/audit/log/status", {"read", "verify"}},
      {"POST /api/v1/workspaces/{workspace}/audit/verify-chain", {"read", "verify"}},
      {"GET /api/v1/workspaces/{workspace}/audit/feed", {"read", "export"}},
      {"GET /api/v1/workspaces/{workspace}/audit/export", {"read", "export"}},
      {"POST /api/v1/workspaces/{workspace}/audit/legal-hold", {"hold"}},
      {"GET /api/v1/workspaces/{workspace}/audit/legal-hold", {"read", "hold"}},
      {"DELETE /api/v1/workspaces/{workspace}/audit/legal-hold/{correlation_id}", {"hold"}},
      {"GET /api/v1/workspaces", {"read"}},
      {"GET /api/v1/workspaces/{workspace}", {"read"}},
      {"PUT /api/v1/workspaces/{workspace}", {"write", "admin"}},
      {"DELETE /api/v1/workspaces/{workspace}", {"admin"}},
      {"GET /api/admin.connectionStats", {"read", "admin"}},
      {"GET /admin/metrics/database", {"read", "admin"}},
  };
  return all;
}

class DataStorageScopesTest : public testing::ProgramTest {
 protected:
  // Of the API's port; what is open to everybody is left out.
  static std::vector<Operation> operations() {
    std::vector<Operation> all = testing::read_openapi(std::string(openapi_document()));
    std::erase_if(all, [](const Operation& one) { return one.port != 8080 || one.path == "/openapi.yaml"; });
    return all;
  }
  static std::string name_of(const Operation& operation) { return operation.method + " " + operation.path; }
  static std::string token_of(const std::string& name) {
    return name + "-0123456789abcdef0123456789abcdef0123456789";
  }

  // With a token for each scope, one of all, and one of all scopes for another workspace than that of the
  // examples.
  void begin() {
    server_->superuser("ALTER ROLE app CREATEDB");
    std::string lines;
    for (const char* line :
         {"read:read", "write:write", "admin:admin", "hold:hold", "sensitive:sensitive", "verify:verify",
          "export:export", "all:read,write,admin,hold,sensitive", "reader:read,write,admin,hold",
          "confined:read,write,admin,hold,sensitive:elsewhere"}) {
      const std::string text = line;
      lines += token_of(text.substr(0, text.find(':'))) + " " + text + "\n";
    }
    pod_.write("auth/tokens", lines);
    start({"--auth-mode=Token"});
    pod_.token = token_of("all");
  }
  HttpResponse call(const std::string& name, const Operation& operation,
                    const std::map<std::string, std::string>& parameters = {},
                    const HttpHeaders& more = {}) const {
    HttpHeaders headers = more;
    if (!operation.body.empty()) headers.emplace_back("Content-Type", "application/json");
    if (!name.empty()) headers.emplace_back("Authorization", "Bearer " + token_of(name));
    return pod_.send(operation.port, operation.method, operation.target(parameters) + operation.query(),
                     headers, operation.body_of_now());
  }
};

TEST_F(DataStorageScopesTest, EachOperationTakesItsScopesAndNoOther) {
  begin();
  const std::vector<Operation> all = operations();
  EXPECT_EQ(all.size(), scopes_of_operations().size());
  for (const Operation& operation : all) {
    const std::string name = name_of(operation);
    const auto found = scopes_of_operations().find(name);
    ASSERT_NE(found, scopes_of_operations().end()) << name << " is new: which scopes does it take?";
    EXPECT_EQ(call("", operation).status, 401U) << name;
    for (const std::string scope : {"sensitive", "verify", "export", "read", "write", "hold", "admin"}) {
      const HttpResponse answer = call(scope, operation);
      const bool refused = answer.status == 403 || answer.status == 401;
      EXPECT_EQ(refused, !found->second.contains(scope))
          << name << " " << scope << ": " << answer.status << " " << answer.body;
    }
  }
}

TEST_F(DataStorageScopesTest, ATokenForAnotherWorkspaceIsTakenByNoneButTheirList) {
  begin();
  for (const Operation& operation : operations()) {
    if (name_of(operation) == "GET /api/v1/workspaces") continue;
    const HttpResponse answer = call("confined", operation);
    // As existing dashboards know it.
    const bool of_dashboards = operation.path == "/api/admin.connectionStats";
    EXPECT_EQ(answer.status, of_dashboards ? 401U : 403U) << name_of(operation) << ": " << answer.body;
  }
}

TEST_F(DataStorageScopesTest, NoOperationShowsWhatASensitiveEventHoldsWithoutTheScope) {
  begin();
  constexpr const char* kHidden = "hidden-from-readers";
  json event = valid_event();
  event["correlation_id"] = "rr-2026-001";
  event["is_sensitive"] = true;
  event["event_data"] = {{"patient", kHidden}};
  event["error_message"] = kHidden;
  const auto created = [&](const std::string& events) {
    const HttpResponse answer = pod_.api("POST", events, event.dump());
    EXPECT_EQ(answer.status, 201U) << answer.body;
    return json::parse(answer.body).value("event_id", "");
  };
  ASSERT_EQ(pod_.api("PUT", "/api/v1/workspaces/team-s").status, 201U);
  const std::string in_workspace = created("/api/v1/workspaces/team-s/audit/events");
  const std::string in_system = created(kEvents);
  const std::string proof = kEvents + "/" + in_system + "/proof";
  const std::string there = "/api/v1/workspaces/team-s/audit/events/" + in_workspace + "/proof";
  for (const std::string& sealed : {proof, there})
    ASSERT_TRUE(eventually([&] { return pod_.api("GET", sealed).status == 200; })) << pod_.log();

  std::set<std::string> shown;
  for (Operation operation : operations()) {
    if (operation.method == "DELETE" || operation.method == "PUT") continue;
    const std::string name = name_of(operation);
    // All of them, without the examples' filters.
    operation.in_query.clear();
    if (operation.path.ends_with("/feed")) operation.in_query = {{"from", "earliest"}};
    const bool of_workspace = operation.path.find("{workspace}") != std::string::npos;
    for (const std::string tile : {"0/000.p/1", "entries/000.p/1"}) {
      const std::map<std::string, std::string> parameters = {
          {"workspace", "team-s"}, {"event_id", of_workspace ? in_workspace : in_system}, {"tile", tile}};
      const HttpResponse seen = call("reader", operation, parameters);
      EXPECT_LT(seen.status, 300U) << name << ": " << seen.body;
      EXPECT_THAT(seen.body, Not(HasSubstr(kHidden))) << name;
      if (call("all", operation, parameters).body.find(kHidden) != std::string::npos) shown.insert(name);
      if (!operation.path.ends_with("/tile/{tile}")) break;
    }
  }
  EXPECT_THAT(
      shown,
      ::testing::UnorderedElementsAre(
          "GET /api/v1/audit/events", "GET /api/v1/audit/events/{event_id}", "GET /api/v1/audit/feed",
          "GET /api/v1/audit/export", "GET /api/v1/workspaces/{workspace}/audit/events",
          "GET /api/v1/workspaces/{workspace}/audit/feed", "GET /api/v1/workspaces/{workspace}/audit/export",
          "GET /api/v1/workspaces/{workspace}/audit/events/{event_id}"));

  // The bits that keep its digest from being guessed are part of the proof for who may see it anyway.
  const auto extra = [&](const std::string& name) {
    pod_.token = token_of(name);
    const std::string text = pod_.api("GET", proof).body;
    const std::size_t begin = text.find("extra ") + 6;
    return encoding::decode_base64(text.substr(begin, text.find('\n', begin) - begin)).value();
  };
  EXPECT_THAT(extra("all"), HasSubstr("\"salt\""));
  EXPECT_THAT(extra("reader"), Not(HasSubstr("\"salt\"")));
}

// The stream of the feed goes on until the pod ends.
TEST_F(DataStorageScopesTest, AStreamIsRedactedToo) {
  begin();
  json event = valid_event();
  event["is_sensitive"] = true;
  event["event_data"] = {{"patient", "hidden-from-readers"}};
  ASSERT_EQ(pod_.create(event).status, 201U);
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_size") > 0; })) << pod_.log();
  const auto stream = [&](const std::string& name) {
    return std::async(std::launch::async, [this, name] {
      return pod_.send(8080, "GET", "/api/v1/audit/feed?from=earliest",
                       {{"Accept", "application/x-ndjson"}, {"Authorization", "Bearer " + token_of(name)}});
    });
  };
  auto whole = stream("all");
  auto redacted = stream("reader");
  ASSERT_TRUE(eventually([&] { return pod_.metric("storagepool_log_waiting_requests") == 2; }));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  EXPECT_THAT(whole.get().body, HasSubstr("hidden-from-readers"));
  const std::string seen = redacted.get().body;
  EXPECT_THAT(seen, HasSubstr(R"("event_data":{"redacted":true})"));
  EXPECT_THAT(seen, Not(HasSubstr("hidden-from-readers")));
}

}  // namespace
}  // namespace storagepool::service
