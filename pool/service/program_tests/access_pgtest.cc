// Who may do what at the running program: scopes, workspaces, what is redacted, and service-account tokens.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/auth/testing/jwt_issuer.h"
#include "pool/common/runtime/clock.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using auth::testing::JwtIssuer;
using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::HttpResponse;
using testing::kEvents;
using ::testing::Not;
using testing::valid_event;

constexpr const char* kTeamA = "/api/v1/workspaces/team-a";
constexpr const char* kTeamB = "/api/v1/workspaces/team-b";
const std::string kTheirs = std::string(kTeamA) + "/audit/events";

std::string token_of(const std::string& name) {
  return name + "-token-0123456789abcdef0123456789abcdef";
}

class DataStorageAccessTest : public testing::ProgramTest {
 protected:
  void SetUp() override { server_->superuser("ALTER ROLE app CREATEDB"); }

  // Mode Token, with a token for each name.
  void start_with_tokens() {
    std::string lines;
    for (const char* line : {"reader:read", "writer:write", "admin:admin", "auditor:read,sensitive",
                             "team-a:read,write:team-a,team-a-*", "system:read,write:_system"}) {
      const std::string text = line;
      lines += token_of(text.substr(0, text.find(':'))) + " " + text + "\n";
    }
    pod_.write("auth/tokens", lines);
    pod_.write("auth/token", token_of("plain") + "\n");
    start({"--auth-mode=Token"});
  }
  HttpResponse as(const std::string& name, const std::string& method, const std::string& target,
                  const json& body = json()) {
    pod_.token = name.empty() ? "" : token_of(name);
    return pod_.api(method, target, body.is_null() ? "" : body.dump());
  }
  std::string refused(const std::string& name, const std::string& method, const std::string& target,
                      const json& body = json()) {
    const HttpResponse response = as(name, method, target, body);
    EXPECT_EQ(response.status, 403U) << name << " " << method << " " << target << " " << response.body;
    return json::parse(response.body).value("detail", "");
  }
  bool counts_deleting(int workspaces) const {
    const std::string line =
        "storagepool_workspaces{state=\"deleting\"} " + std::to_string(workspaces) + "\n";
    return eventually([&] { return pod_.metrics().find(line) != std::string::npos; });
  }
  static json sensitive_event() {
    json event = valid_event();
    event["is_sensitive"] = true;
    event["event_data"] = {{"patient", "Ada"}};
    event["error_message"] = "Ada was refused";
    event["error_code"] = "E1";
    return event;
  }
};

TEST_F(DataStorageAccessTest, OnlyAdministratorsDropWorkspaces) {
  start_with_tokens();
  const std::string dropped = "/api/v1/workspaces/team-a-old";
  const std::string theirs = dropped + "/audit/events";
  const std::string other = "/api/v1/workspaces/team-b-old";
  EXPECT_EQ(as("writer", "PUT", dropped).status, 201U);
  EXPECT_EQ(as("admin", "PUT", other).status, 201U);
  EXPECT_EQ(as("writer", "POST", theirs, valid_event()).status, 201U);
  for (const char* name : {"reader", "writer", "plain", "auditor", "team-a"}) {
    EXPECT_EQ(refused(name, "DELETE", dropped),
              "the token lacks the scope \"admin\", which this request needs");
  }
  EXPECT_EQ(as("reader", "GET", theirs).status, 200U);
  EXPECT_EQ(as("admin", "DELETE", dropped).status, 202U);
  EXPECT_TRUE(counts_deleting(1)) << pod_.metrics();
  EXPECT_TRUE(eventually([&] { return as("admin", "DELETE", dropped).status == 204; })) << pod_.log();
  EXPECT_EQ(as("writer", "POST", theirs, valid_event()).status, 404U);
  EXPECT_TRUE(counts_deleting(0)) << pod_.metrics();
  EXPECT_EQ(as("admin", "GET", kEvents).status, 403U);  // the scopes do not contain each other
  EXPECT_EQ(as("admin", "GET", "/admin/metrics/database").status, 200U);
  EXPECT_EQ(as("admin", "DELETE", other).status, 202U);
  EXPECT_THAT(pod_.log(), Not(HasSubstr("0123456789abcdef")));
}

TEST_F(DataStorageAccessTest, ATokenForSomeWorkspacesGoesNowhereElse) {
  start_with_tokens();
  EXPECT_EQ(as("team-a", "PUT", kTeamA).status, 201U);
  EXPECT_EQ(as("writer", "PUT", kTeamB).status, 201U);
  EXPECT_EQ(as("team-a", "POST", kTheirs, valid_event()).status, 201U);
  EXPECT_EQ(as("team-a", "POST", kTheirs + "/batch", json::array({valid_event()})).status, 201U);
  EXPECT_EQ(as("team-a", "GET", kTheirs).status, 200U);
  const std::string id = json::parse(as("team-a", "GET", kTheirs).body).at("data").at(0).at("event_id");
  EXPECT_EQ(as("team-a", "GET", kTheirs + "/" + id).status, 200U);

  EXPECT_EQ(refused("team-a", "GET", std::string(kTeamB) + "/audit/events"),
            "the token is not for the workspace team-b");
  refused("team-a", "POST", std::string(kTeamB) + "/audit/events", valid_event());
  refused("team-a", "GET", kTeamB);
  refused("team-a", "PUT", "/api/v1/workspaces/other");
  EXPECT_EQ(refused("team-a", "GET", kEvents), "the token is not for the system database");
  refused("team-a", "POST", kEvents, valid_event());
  refused("team-a", "GET", kEvents + "/" + id);
  refused("team-a", "GET", "/admin/metrics/database");
  EXPECT_EQ(as("team-a", "POST", kEvents, json::object()).status, 400U);  // before the permission
  const json seen = json::parse(as("team-a", "GET", "/api/v1/workspaces").body).at("workspaces");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen.at(0).at("name"), "team-a");
  EXPECT_GE(json::parse(as("reader", "GET", "/api/v1/workspaces").body).at("workspaces").size(), 2U);

  EXPECT_EQ(as("system", "POST", kEvents, valid_event()).status, 201U);
  EXPECT_EQ(as("system", "GET", kEvents).status, 200U);
  refused("system", "GET", kTheirs);
}

TEST_F(DataStorageAccessTest, SensitiveEventsAreRedactedForWhoHasNotTheScope) {
  start_with_tokens();
  json event = sensitive_event();
  event["correlation_id"] = "sensitive";
  const HttpResponse created = as("writer", "POST", kEvents, event);
  ASSERT_EQ(created.status, 201U) << created.body;
  json plain = valid_event();
  plain["correlation_id"] = "sensitive";
  plain["event_data"] = {{"patient", "Ada"}, {"plain", true}};
  EXPECT_EQ(as("writer", "POST", kEvents, plain).status, 201U);
  const std::string one = kEvents + "/" + json::parse(created.body).at("event_id").get<std::string>();
  const auto list = [&](const std::string& name, const std::string& more) {
    return json::parse(as(name, "GET", kEvents + "?correlation_id=sensitive" + more).body);
  };
  for (const char* name : {"reader", "plain", "system"}) {
    const json redacted = json::parse(as(name, "GET", one).body);
    EXPECT_EQ(redacted.at("event_data"), json({{"redacted", true}})) << name;
    EXPECT_FALSE(redacted.contains("error_message")) << name;
    EXPECT_EQ(redacted.at("error_code"), "E1") << name;
    EXPECT_EQ(redacted.at("is_sensitive"), true) << name;
    const json page = list(name, "");
    EXPECT_EQ(page.at("pagination").at("total"), 2) << name;
    EXPECT_THAT(page.dump(), Not(HasSubstr("was refused"))) << name;
    EXPECT_THAT(page.dump(), HasSubstr(R"("event_data":{"redacted":true})")) << name;
    const json found = list(name, "&detail_key=patient&detail_value=Ada");
    EXPECT_EQ(found.at("pagination").at("total"), 1) << name;
    EXPECT_EQ(found.at("data").at(0).at("event_data").at("plain"), true) << name;
  }
  const json whole = json::parse(as("auditor", "GET", one).body);
  EXPECT_EQ(whole.at("event_data"), event.at("event_data"));
  EXPECT_EQ(whole.at("error_message"), "Ada was refused");
  EXPECT_EQ(list("auditor", "&detail_key=patient&detail_value=Ada").at("pagination").at("total"), 2);
}

TEST_F(DataStorageAccessTest, WhereNobodyIsToldApartNothingIsDroppedOrRedacted) {
  start();
  const std::string workspace = "/api/v1/workspaces/of-nobody";
  EXPECT_EQ(as("", "PUT", workspace).status, 201U);
  EXPECT_EQ(
      refused("", "DELETE", workspace),
      "this request needs the scope \"admin\", which nobody has while nobody is told apart (auth.mode None)");
  refused("whoever", "DELETE", workspace);
  const std::string theirs = workspace + "/audit/events";
  EXPECT_EQ(as("", "POST", theirs, sensitive_event()).status, 201U);
  EXPECT_THAT(as("", "GET", theirs).body, HasSubstr("Ada was refused"));
  EXPECT_EQ(json::parse(as("", "GET", theirs + "?detail_key=patient&detail_value=Ada").body)
                .at("pagination")
                .at("total"),
            1);
}

class DataStorageServiceAccountTest : public testing::ProgramTest {
 protected:
  static constexpr const char* kIssuer = "https://kubernetes.default.svc.cluster.local";

  static std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(runtime::wall_now().time_since_epoch()).count();
  }
  void mount(const std::vector<const JwtIssuer*>& issuers) {
    json keys = json::array();
    for (const JwtIssuer* issuer : issuers) keys.push_back(issuer->jwk());
    pod_.write(
        "config/access.json",
        json{{"issuer", kIssuer},
             {"audiences", {kIssuer, "storagepool.dev/storage/audit"}},
             {"keys", {{"keys", keys}}},
             {"namespaces", {"storage", "elsewhere"}},
             {"serviceAccounts", {{{"namespace", "storage"}, {"name", "*"}, {"scopes", {"read", "write"}}}}}}
            .dump());
  }
  static json claims_of(const std::string& name_space, const std::string& name) {
    return {
        {"aud", {kIssuer}},
        {"exp", now() + 3607},
        {"iat", now()},
        {"iss", kIssuer},
        {"kubernetes.io", {{"namespace", name_space}, {"serviceaccount", {{"name", name}, {"uid", "c3a1"}}}}},
        {"nbf", now()},
        {"sub", "system:serviceaccount:" + name_space + ":" + name}};
  }
  // The status, and the detail of a refusal.
  std::string write_with(const std::string& token) {
    pod_.token = token;
    const HttpResponse response = pod_.create(valid_event());
    std::string text = std::to_string(response.status);
    if (response.status >= 400) text += " " + json::parse(response.body).value("detail", "");
    return text;
  }
  std::string write_changed(const json& change) {
    json claims = claims_of("storage", "client");
    claims.merge_patch(change);
    return write_with(api_server_.token(claims));
  }

  static inline const std::string kInvalid = "401 Invalid or expired token";
  JwtIssuer api_server_{JwtIssuer::Kind::kRsa, "rsa-1"};
  JwtIssuer next_{JwtIssuer::Kind::kEc, "ec-1"};
};

TEST_F(DataStorageServiceAccountTest, ClientsSendTheirMountedToken) {
  mount({&api_server_});
  start({"--auth-mode=ServiceAccount"});
  const std::string good = api_server_.token(claims_of("storage", "client"));
  EXPECT_EQ(write_with(good), "201");
  EXPECT_EQ(write_changed({{"aud", "storagepool.dev/storage/audit"}}), "201");
  EXPECT_EQ(pod_.api("GET", kEvents).status, 200U);
  EXPECT_EQ(pod_.api("GET", "/admin/metrics/database").status, 200U);
  EXPECT_EQ(pod_.api("DELETE", kTeamA).status, 403U);

  EXPECT_EQ(write_with(""), "401 Missing Authorization header");
  EXPECT_EQ(write_with("two words"), "401 Invalid Authorization header format");
  EXPECT_EQ(write_changed({{"aud", {"storagepool.dev/storage/other"}}}), kInvalid);
  EXPECT_EQ(write_changed({{"iss", "https://other.example"}}), kInvalid);
  EXPECT_EQ(write_changed({{"exp", now() - 61}}), kInvalid);
  EXPECT_EQ(write_changed({{"nbf", now() + 120}}), kInvalid);
  EXPECT_EQ(write_with(api_server_.token(claims_of("deleted", "client"))), kInvalid);
  const std::string payload = claims_of("storage", "client").dump();
  EXPECT_EQ(write_with(api_server_.token({{"alg", "none"}, {"kid", "rsa-1"}}, payload)), kInvalid);
  EXPECT_EQ(write_with(api_server_.token({{"alg", "RS256"}, {"kid", "other"}}, payload)), kInvalid);
  EXPECT_EQ(write_with(api_server_.hmac_token(api_server_.header(), payload)), kInvalid);
  EXPECT_EQ(write_with(JwtIssuer(JwtIssuer::Kind::kRsa, "rsa-1").token(claims_of("storage", "client"))),
            kInvalid);
  const auto refusals = [&](const std::string& reason) {
    return pod_.metric("storagepool_http_auth_refused_total{reason=\"" + reason + "\",server=\"api\"}");
  };
  EXPECT_EQ(refusals("expired"), 1);
  EXPECT_EQ(refusals("invalid"), 8);
  EXPECT_EQ(write_with(api_server_.token(claims_of("elsewhere", "client"))),
            "403 the token lacks the scope \"write\", which this request needs");
  EXPECT_EQ(write_with(good), "201");
  for (const std::string& part : {good, good.substr(good.rfind('.') + 1), std::string("eyJ")}) {
    EXPECT_THAT(pod_.log(), Not(HasSubstr(part)));
    EXPECT_THAT(pod_.metrics(), Not(HasSubstr(part)));
  }
}

TEST_F(DataStorageServiceAccountTest, KeysComeAndGoWithoutARestart) {
  start({"--auth-mode=ServiceAccount"});
  EXPECT_TRUE(eventually([&] { return pod_.log().find("access.json: No such file") != std::string::npos; }));
  const std::string old_token = api_server_.token(claims_of("storage", "client"));
  const std::string new_token = next_.token(claims_of("storage", "client"));
  EXPECT_EQ(write_with(old_token), kInvalid);
  mount({&api_server_});
  EXPECT_TRUE(eventually([&] { return write_with(old_token) == "201"; })) << pod_.log();
  EXPECT_EQ(write_with(new_token), kInvalid);
  mount({&api_server_, &next_});
  EXPECT_TRUE(eventually([&] { return write_with(new_token) == "201"; }));
  EXPECT_EQ(write_with(old_token), "201");
  mount({&next_});
  EXPECT_TRUE(eventually([&] { return write_with(old_token) == kInvalid; }));
  pod_.write("config/access.json", "{");
  EXPECT_TRUE(eventually([&] {
    return pod_.log().find("what was read before stays in force") != std::string::npos;
  })) << pod_.log();
  EXPECT_EQ(write_with(new_token), "201");
}

}  // namespace
}  // namespace storagepool::service
