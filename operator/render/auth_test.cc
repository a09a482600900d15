#include "operator/render/auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::render {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Identity kOfTeam{"team", "audit", "u-1"};

struct ReadAuth {
  Spec spec;
  FieldProblems problems;
};
ReadAuth read(const char* json) {
  ReadAuth result;
  read_auth(Json::parse(json), kOfTeam, result.spec, result.problems);
  return result;
}
std::string only_problem_of(const char* json) {
  const ReadAuth result = read(json);
  EXPECT_EQ(result.problems.size(), 1U) << json << ::testing::PrintToString(result.problems);
  return result.problems.empty() ? "" : result.problems.front();
}

TEST(ReadAuth, ByDefaultTheNamespacesServiceAccountsReadAndWrite) {
  for (const char* json : {"null", "{}", R"({"mode": "ServiceAccount"})"}) {
    const ReadAuth result = read(json);
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(result.spec.auth_mode, "ServiceAccount");
    ASSERT_EQ(result.spec.service_accounts.size(), 1U);
    const ServiceAccounts& all = result.spec.service_accounts.front();
    EXPECT_EQ(all.name_space, "team");
    EXPECT_EQ(all.name, "*");
    EXPECT_THAT(all.scopes, ElementsAre("read", "write"));
    EXPECT_FALSE(all.workspaces);
  }
}

TEST(ReadAuth, ServiceAccountsAreAsGiven) {
  const ReadAuth result = read(R"({"serviceAccounts": [
    {"name": "writer", "scopes": ["write"]},
    {"namespace": "ops-*", "scopes": ["read", "admin", "sensitive"], "workspaces": ["team-?", "_system"]}]})");
  ASSERT_THAT(result.problems, IsEmpty());
  const auto& accounts = result.spec.service_accounts;
  ASSERT_EQ(accounts.size(), 2U);
  EXPECT_EQ(accounts[0].name_space, "team");
  EXPECT_EQ(accounts[0].name, "writer");
  EXPECT_THAT(accounts[0].scopes, ElementsAre("write"));
  EXPECT_EQ(accounts[1].name_space, "ops-*");
  EXPECT_EQ(accounts[1].name, "*");
  EXPECT_THAT(accounts[1].scopes, ElementsAre("read", "admin", "sensitive"));
  EXPECT_THAT(accounts[1].workspaces.value(), ElementsAre("team-?", "_system"));
}

TEST(ReadAuth, OtherModesAdmitNoServiceAccount) {
  for (const char* json :
       {R"({"mode": "None"})", R"({"mode": "Token", "secretRef": {"name": "s"}})",
        R"({"mode": "Paseto", "secretRef": {"name": "s"}, "issuer": "i", "audience": "a"})"}) {
    const ReadAuth result = read(json);
    EXPECT_THAT(result.problems, IsEmpty()) << json;
    EXPECT_THAT(result.spec.service_accounts, IsEmpty());
  }
  const ReadAuth paseto =
      read(R"({"mode": "Paseto", "secretRef": {"name": "s"}, "issuer": "i", "audience": "a"})");
  EXPECT_EQ(paseto.spec.auth_issuer, "i");
  EXPECT_EQ(paseto.spec.auth_audience, "a");
}

TEST(ReadAuth, WhatDoesNotGoTogetherIsNamed) {
  EXPECT_EQ(only_problem_of(R"({"mode": "Basic"})"),
            "spec.auth.mode is Basic; allowed: ServiceAccount, None, Token, Paseto");
  EXPECT_EQ(only_problem_of(R"({"secretRef": {"name": "s"}})"),
            "spec.auth.mode is ServiceAccount; allowed: with secretRef, Token or Paseto");
  EXPECT_EQ(only_problem_of(R"({"mode": "None", "serviceAccounts": [{"scopes": ["read"]}]})"),
            "spec.auth.mode is None; allowed: with serviceAccounts, ServiceAccount");
  for (const char* key : {"issuer", "audience"}) {
    EXPECT_EQ(only_problem_of((R"({")" + std::string(key) + R"(": "x"})").c_str()),
              "spec.auth.mode is ServiceAccount; allowed: with issuer or audience, Paseto");
  }
}

TEST(ReadAuth, EveryFieldOfAnEntryIsChecked) {
  const auto with = [](const char* entry) {
    return only_problem_of((R"({"serviceAccounts": [)" + std::string(entry) + "]}").c_str());
  };
  EXPECT_THAT(with("{}"), HasSubstr("spec.auth.serviceAccounts[0].scopes is missing"));
  EXPECT_THAT(with(R"({"scopes": []})"),
              HasSubstr("a list of 1 to 7 of read, write, admin, hold, sensitive, verify and export"));
  EXPECT_THAT(with(R"({"scopes": ["root"]})"), HasSubstr(R"(scopes is ["root"])"));
  EXPECT_THAT(with(R"({"scopes": ["read"], "namespace": "A"})"),
              HasSubstr("serviceAccounts[0].namespace is A; allowed: 1 to 63 lower case letters"));
  EXPECT_THAT(with(R"({"scopes": ["read"], "name": "a b"})"), HasSubstr("serviceAccounts[0].name is a b"));
  EXPECT_THAT(with(R"({"scopes": ["read"], "workspaces": []})"), HasSubstr("a list of 1 to 32"));
  EXPECT_THAT(with(R"({"scopes": ["read"], "workspaces": ["_other"]})"), HasSubstr("_other"));
  EXPECT_EQ(only_problem_of(R"({"serviceAccounts": []})"),
            "spec.auth.serviceAccounts is []; allowed: a list of 1 to 32 entries");
}

}  // namespace
}  // namespace storagepool::render
