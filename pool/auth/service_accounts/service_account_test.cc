#include "pool/auth/service_accounts/service_account.h"

#include <gmock/gmock.h>

#include "pool/auth/testing/jwt_issuer.h"
#include "pool/auth/testing/mounted_folder.h"
#include "pool/auth/tokens/scopes.h"

namespace storagepool::auth {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::JwtIssuer;
using testing::MountedFolder;

constexpr const char* kIssuer = "https://kubernetes.default.svc.cluster.local";
constexpr std::int64_t kNow = 1'772'280'000;  // 2026-02-28T12:00:00Z

const JwtIssuer& api_server() {
  static const JwtIssuer issuer(JwtIssuer::Kind::kRsa, "rsa-1");
  return issuer;
}
const JwtIssuer& next_key() {
  static const JwtIssuer issuer(JwtIssuer::Kind::kEc, "ec-1");
  return issuer;
}

Json access_json() {
  return {{"issuer", kIssuer},
          {"audiences", {kIssuer, "storagepool.dev/storage/audit"}},
          {"keys", {{"keys", Json::array({api_server().jwk()})}}},
          {"serviceAccounts",
           {{{"namespace", "storage"}, {"name", "*"}, {"scopes", {"read", "write"}}},
            {{"namespace", "team-?"},
             {"name", "reader"},
             {"scopes", {"read", "sensitive"}},
             {"workspaces", {"team-a", "dev-*"}}},
            {{"namespace", "*"}, {"name", "reader"}, {"scopes", {"admin"}}}}}};
}

// As the API server makes them for a mounted token.
Json claims_of(const std::string& name_space, const std::string& name) {
  return {{"aud", {kIssuer}},
          {"exp", kNow + 3607},
          {"iat", kNow},
          {"iss", kIssuer},
          {"jti", "3b9e4f6c-0d8a-4f38-9a0b-7c54d1e7a5f1"},
          {"kubernetes.io",
           {{"namespace", name_space},
            {"node", {{"name", "n1"}, {"uid", "6d1f"}}},
            {"pod", {{"name", "client-0"}, {"uid", "0a2c"}}},
            {"serviceaccount", {{"name", name}, {"uid", "c3a1"}}},
            {"warnafter", kNow + 3607}}},
          {"nbf", kNow},
          {"sub", "system:serviceaccount:" + name_space + ":" + name}};
}

class ServiceAccountTest : public ::testing::Test {
 protected:
  // What is allowed, as letters, and whose it is, or why not.
  std::string admitted(const std::string& token) {
    const auto access = verifier_.admit(token, now_, wall_);
    if (!access) return std::string(to_string(access.error()));
    EXPECT_TRUE(access->known);
    EXPECT_FALSE(access->figures);
    return std::string(access->read ? "r" : "") + (access->write ? "w" : "") + (access->admin ? "a" : "") +
           (access->sensitive ? "s" : "") + " " + access->subject;
  }
  std::string admitted(const Json& claims) { return admitted(api_server().token(claims)); }
  // With one change of the claims, by merge (RFC 7396): null takes a member away.
  std::string changed(const Json& change) {
    Json claims = claims_of("storage", "client");
    claims.merge_patch(change);
    return admitted(claims);
  }
  void mount(const Json& access) {
    mounted_.mount({{"access.json", access.dump()}});
    pass(seconds(1));
  }
  void pass(seconds time) {
    now_ += time;
    wall_ += time;
  }

  static inline const std::string kClient = "rw system:serviceaccount:storage:client";
  MountedFolder mounted_{{{"access.json", access_json().dump()}}};
  ServiceAccountVerifier verifier_{mounted_.path("access.json"), seconds(1)};
  std::chrono::steady_clock::time_point now_{};
  runtime::Timestamp wall_{seconds(kNow)};
};

TEST_F(ServiceAccountTest, AMountedTokenGivesWhatTheFirstMatchingEntrySays) {
  for (int round = 0; round < 2; ++round) {  // the second time from memory
    EXPECT_EQ(admitted(claims_of("storage", "client")), kClient);
    EXPECT_EQ(admitted(claims_of("team-a", "reader")), "rs system:serviceaccount:team-a:reader");
    EXPECT_EQ(admitted(claims_of("elsewhere", "reader")), "a system:serviceaccount:elsewhere:reader");
    EXPECT_EQ(admitted(claims_of("team-a", "other")), " system:serviceaccount:team-a:other");
  }
  const auto confined = verifier_.admit(api_server().token(claims_of("team-a", "reader")), now_, wall_);
  EXPECT_THAT(confined->workspaces.value(), ElementsAre("team-a", "dev-*"));
  EXPECT_FALSE(verifier_.admit(api_server().token(claims_of("storage", "client")), now_, wall_)->workspaces);
  EXPECT_THAT(verifier_.problems(now_), IsEmpty());
}

TEST_F(ServiceAccountTest, OneOfTheAudiencesIsEnough) {
  EXPECT_EQ(changed({{"aud", "storagepool.dev/storage/audit"}}), kClient);
  EXPECT_EQ(changed({{"aud", {"another", kIssuer}}}), kClient);
  for (const Json& other :
       {Json("storagepool.dev/storage/other"), Json("another"), Json::array({"another"}), Json::array(),
        Json(), Json(1), Json::array({kIssuer, 1}), Json{{"a", kIssuer}}}) {
    EXPECT_EQ(changed({{"aud", other}}), "invalid") << other;
  }
}

TEST_F(ServiceAccountTest, OnlyTheIssuersTokensAdmit) {
  for (const Json& other : {Json("https://other.example"), Json("kubernetes/serviceaccount"), Json(""),
                            Json(), Json(1), Json::array({kIssuer})}) {
    EXPECT_EQ(changed({{"iss", other}}), "invalid") << other;
  }
}

TEST_F(ServiceAccountTest, ATokenIsOverAtItsTimeAndNotBefore) {
  const std::string token = api_server().token(claims_of("storage", "client"));
  EXPECT_EQ(admitted(token), kClient);
  pass(seconds(3607 + 59));
  EXPECT_EQ(admitted(token), kClient);
  pass(seconds(1));
  EXPECT_EQ(admitted(token), "expired");
  EXPECT_EQ(changed({{"exp", kNow + 3607}}), "expired");  // also when it comes for the first time
}

TEST_F(ServiceAccountTest, ATokenThatIsNotYetValidIsRefused) {
  EXPECT_EQ(changed({{"nbf", kNow + 60}}), kClient);
  EXPECT_EQ(changed({{"nbf", kNow + 61}}), "invalid");
  EXPECT_EQ(changed({{"iat", kNow + 61}}), "invalid");
  EXPECT_EQ(changed({{"nbf", nullptr}, {"iat", nullptr}}), kClient);
  EXPECT_EQ(changed({{"nbf", kNow + 60.5}}), "invalid");
}

TEST_F(ServiceAccountTest, TimesAreNumbers) {
  for (const char* name : {"exp", "nbf", "iat"}) {
    for (const Json& bad :
         {Json("2026-02-28T13:00:00Z"), Json("1772283607"), Json(-1), Json(1e300), Json(true),
          Json::array({kNow}), Json(std::uint64_t{18'446'744'073'709'551'615U})}) {
      EXPECT_EQ(changed({{name, bad}}), "invalid") << name << bad;
    }
  }
  EXPECT_EQ(changed({{"exp", nullptr}}), "invalid");  // a token without an end
}

TEST_F(ServiceAccountTest, TheSubjectIsAServiceAccount) {
  for (const Json& bad :
       {Json(), Json(1), Json(""), Json("alice"), Json("system:serviceaccount:storage:other"),
        Json("system:serviceaccount:other:client"), Json("system:serviceaccount:storage:client:x"),
        Json("system:node:storage:client")}) {
    EXPECT_EQ(changed({{"sub", bad}}), "invalid") << bad;
  }
  for (const Json& bad : {Json(), Json(1), Json("storage"), Json::object({{"namespace", nullptr}}),
                          Json::object({{"namespace", "other"}}), Json::object({{"serviceaccount", nullptr}}),
                          Json::object({{"serviceaccount", {{"name", "other"}}}}),
                          Json::object({{"serviceaccount", {{"uid", ""}}}})}) {
    EXPECT_EQ(changed({{"kubernetes.io", bad}}), "invalid") << bad;
  }
  EXPECT_EQ(changed({{"kubernetes.io", {{"pod", nullptr}, {"node", nullptr}}}}),
            kClient);  // kubectl create token
  const std::string longest(255 - std::string("system:serviceaccount:storage:").size(), 'n');
  EXPECT_EQ(admitted(claims_of("storage", longest)), "rw system:serviceaccount:storage:" + longest);
  EXPECT_EQ(admitted(claims_of("storage", longest + "n")), "invalid");
}

TEST_F(ServiceAccountTest, ForgeriesAreRefused) {
  const std::string payload = claims_of("storage", "client").dump();
  const Json header = api_server().header();
  const JwtIssuer stranger(JwtIssuer::Kind::kRsa, "rsa-1");
  EXPECT_EQ(admitted(api_server().token(header, payload)), kClient);
  EXPECT_EQ(admitted(stranger.token(header, payload)), "invalid");
  EXPECT_EQ(admitted(api_server().hmac_token(header, payload)), "invalid");
  EXPECT_EQ(admitted(api_server().token({{"alg", "RS256"}, {"kid", "unknown"}}, payload)), "invalid");
  EXPECT_EQ(admitted(api_server().token({{"alg", "RS256"}}, payload)), "invalid");
  EXPECT_EQ(admitted(api_server().token({{"alg", "none"}, {"kid", "rsa-1"}}, payload)), "invalid");
  Json with_key = header;
  with_key["jwk"] = stranger.jwk();
  with_key["jku"] = "https://stranger.example/keys";
  EXPECT_EQ(admitted(stranger.token(with_key, payload)), "invalid");
  const std::string good = api_server().token(header, payload);
  EXPECT_EQ(admitted(good.substr(0, good.rfind('.') + 1)), "invalid");
  EXPECT_EQ(admitted(good + "A"), "invalid");
  EXPECT_EQ(admitted(std::string("x")), "invalid");
  for (const std::string& bad : {std::string("{}"), std::string("[]"), std::string("not json"), payload + "x",
                                 payload.substr(0, payload.size() - 1) + ",\"exp\":9999999999}"}) {
    EXPECT_EQ(admitted(api_server().token(header, bad)), "invalid") << bad;
  }
}

TEST_F(ServiceAccountTest, KeysAreRotatedLive) {
  const std::string old_token = api_server().token(claims_of("storage", "client"));
  const std::string new_token = next_key().token(claims_of("storage", "client"));
  EXPECT_EQ(admitted(old_token), kClient);
  EXPECT_EQ(admitted(new_token), "invalid");
  Json access = access_json();
  access["keys"]["keys"] = {api_server().jwk(), next_key().jwk()};
  mount(access);
  EXPECT_EQ(admitted(old_token), kClient);
  EXPECT_EQ(admitted(new_token), kClient);
  access["keys"]["keys"] = Json::array({next_key().jwk()});
  mount(access);
  EXPECT_EQ(admitted(old_token), "invalid");
  EXPECT_EQ(admitted(new_token), kClient);
}

TEST_F(ServiceAccountTest, WhoMayDoWhatIsChangedLive) {
  const std::string token = api_server().token(claims_of("storage", "client"));
  EXPECT_EQ(admitted(token), kClient);
  Json access = access_json();
  access["serviceAccounts"][0]["scopes"] = {"read"};
  mount(access);
  EXPECT_EQ(admitted(token), "r system:serviceaccount:storage:client");
  access["serviceAccounts"] = Json::array();
  mount(access);
  EXPECT_EQ(admitted(token), " system:serviceaccount:storage:client");
}

TEST_F(ServiceAccountTest, ATokenOfANamespaceThatIsGoneIsRefused) {
  const std::string token = api_server().token(claims_of("storage", "client"));
  Json access = access_json();
  access["namespaces"] = {"storage", "team-a"};
  mount(access);
  EXPECT_EQ(admitted(token), kClient);
  EXPECT_EQ(admitted(claims_of("elsewhere", "reader")), "invalid");
  access["namespaces"] = {"team-a"};
  mount(access);
  EXPECT_EQ(admitted(token), "invalid");
  access["namespaces"] = Json::array();
  mount(access);
  EXPECT_EQ(admitted(claims_of("team-a", "reader")), "invalid");
}

TEST_F(ServiceAccountTest, WhatWasReadStaysInForceWhileTheFileIsAwayOrUnusable) {
  const std::string token = api_server().token(claims_of("storage", "client"));
  EXPECT_EQ(admitted(token), kClient);
  for (const MountedFolder::Files& files :
       {MountedFolder::Files{}, MountedFolder::Files{{"access.json", ""}},
        MountedFolder::Files{{"access.json", "{"}}, MountedFolder::Files{{"access.json", "{}"}},
        MountedFolder::Files{{"access.json", std::string(kMaxAccessFileBytes + 1, ' ')}}}) {
    mounted_.mount(files);
    pass(seconds(1));
    EXPECT_EQ(admitted(token), kClient);
    EXPECT_EQ(admitted(claims_of("storage", "new")), "rw system:serviceaccount:storage:new");
    EXPECT_THAT(verifier_.problems(now_), ElementsAre(HasSubstr("what was read before stays in force")));
  }
  mount(access_json());
  EXPECT_EQ(admitted(token), kClient);
  EXPECT_THAT(verifier_.problems(now_), IsEmpty());
}

TEST_F(ServiceAccountTest, WithoutAFileNobodyIsAdmittedAndItSaysSo) {
  ServiceAccountVerifier none(mounted_.path("missing"), seconds(1));
  const auto access = none.admit(api_server().token(claims_of("storage", "client")), now_, wall_);
  EXPECT_EQ(access, tl::unexpected(Refusal::kInvalidToken));
  EXPECT_THAT(none.problems(now_), ElementsAre("cannot read " + mounted_.path("missing") +
                                               ": No such file or directory; nobody is admitted"));
}

TEST_F(ServiceAccountTest, AKeyThatCannotBeUsedIsReported) {
  Json access = access_json();
  access["keys"]["keys"].push_back(next_key().jwk({{"use", "enc"}}));
  mount(access);
  EXPECT_EQ(admitted(claims_of("storage", "client")), kClient);
  EXPECT_THAT(verifier_.problems(now_), ElementsAre(mounted_.path("access.json") +
                                                    ": keys: key 2 is not for signatures of RS256 or ES256"));
}

// What makes the file with this change unusable.
std::string unusable(const Json& change) {
  Json access = access_json();
  access.merge_patch(change);
  const auto file = parse_access_file(access.dump());
  return file ? "" : file.error();
}

TEST(AccessFileText, IgnoresMembersThatItDoesNotKnow) {
  EXPECT_EQ(unusable({{"later", {1, 2}}}), "");
  EXPECT_EQ(unusable({{"namespaces", nullptr}}), "");
}

TEST(AccessFileText, SaysWhatMakesItUnusable) {
  EXPECT_EQ(unusable({{"issuer", nullptr}}), "issuer is no text that is not empty");
  EXPECT_EQ(unusable({{"issuer", ""}}), "issuer is no text that is not empty");
  EXPECT_EQ(unusable({{"audiences", nullptr}}), "audiences is no list of texts");
  EXPECT_EQ(unusable({{"audiences", {1}}}), "audiences is no list of texts");
  EXPECT_EQ(unusable({{"audiences", Json::array()}}), "audiences is empty");
  EXPECT_EQ(unusable({{"serviceAccounts", nullptr}}), "serviceAccounts is no list");
  EXPECT_EQ(unusable({{"namespaces", "storage"}}), "namespaces is no list of texts");
  const Json rule = {{"namespace", "a"}, {"name", "b"}, {"scopes", {"read"}}};
  const auto second = [&](const Json& change) {
    Json changed = rule;
    changed.merge_patch(change);
    return unusable({{"serviceAccounts", {rule, changed}}});
  };
  EXPECT_EQ(second(Json::object()), "");
  EXPECT_EQ(second({{"namespace", nullptr}}), "serviceAccounts[1].namespace is no text that is not empty");
  EXPECT_EQ(second({{"name", 1}}), "serviceAccounts[1].name is no text that is not empty");
  EXPECT_EQ(second({{"scopes", "read"}}), "serviceAccounts[1].scopes is no list of texts");
  EXPECT_EQ(second({{"scopes", {"root"}}}),
            "serviceAccounts[1].scopes holds another word than "
            "read, write, admin, hold, sensitive, verify and export");
  EXPECT_THAT(second({{"workspaces", {"A"}}}),
              HasSubstr("serviceAccounts[1].workspaces holds what is neither"));
  for (const char* text : {"", "null", "[]", "{", R"({"issuer":"a","issuer":"b"})"}) {
    EXPECT_EQ(parse_access_file(text).error(), "is no JSON object, or can be read in two ways") << text;
  }
}

}  // namespace
}  // namespace storagepool::auth
