#include "operator/render/token_issuer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"

namespace storagepool::render {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Identity kAuditOfTeam{"team", "audit", "u-1"};
constexpr const char* kDiscovery =
    R"({"issuer":"https://kubernetes.default.svc","jwks_uri":"https://10.0.0.1/openid/v1/jwks"})";
constexpr const char* kKeySet = R"({"keys":[
  {"use":"sig","kty":"RSA","kid":"b","alg":"RS256","n":"modulus","e":"AQAB"},
  {"use":"sig","kty":"EC","kid":"a","alg":"ES256","crv":"P-256","x":"xx","y":"yy"}]})";

std::string jwt(const Json& claims) {
  return "e30." + encoding::encode_base64url(claims.dump()) + ".c2ln";
}
TokenIssuer issuer_of(const std::string& token = {}) {
  return read_token_issuer(kDiscovery, kKeySet, token).value();
}
std::size_t keys_of(const Json& keys) {
  const auto read = read_token_issuer(kDiscovery, Json{{"keys", keys}}.dump(), "");
  return read ? read->keys.size() : 0;
}
Spec spec_of(std::vector<ServiceAccounts> accounts) {
  Spec spec;
  spec.service_accounts = std::move(accounts);
  return spec;
}
const Spec kDefault = spec_of({{"team", "*", {"read", "write"}, {}}});

TEST(TokenIssuer, IsWhatTheApiServerTells) {
  const TokenIssuer issuer = issuer_of();
  EXPECT_EQ(issuer.issuer, "https://kubernetes.default.svc");
  EXPECT_EQ(issuer.keys, Json::parse(R"([
    {"alg":"ES256","crv":"P-256","kid":"a","kty":"EC","use":"sig","x":"xx","y":"yy"},
    {"alg":"RS256","e":"AQAB","kid":"b","kty":"RSA","n":"modulus","use":"sig"}])"));
}

TEST(TokenIssuer, AudiencesAreThoseOfATokenForTheApiServer) {
  EXPECT_THAT(issuer_of().audiences, ElementsAre("https://kubernetes.default.svc")) << "Kubernetes' default";
  EXPECT_THAT(issuer_of(jwt({{"aud", {"one", "two"}}})).audiences, ElementsAre("one", "two"));
  EXPECT_THAT(issuer_of(jwt({{"aud", "one"}})).audiences, ElementsAre("one"));
  for (const std::string other : {"opaque", "..", "a.b", "e30.!!.x", "e30.e30.x"}) {
    EXPECT_THAT(issuer_of(other).audiences, ElementsAre("https://kubernetes.default.svc")) << other;
  }
  for (const Json& aud : {Json(1), Json::array(), Json{1, ""}, Json(std::string(5000, 'x'))}) {
    EXPECT_THAT(issuer_of(jwt({{"aud", aud}})).audiences, ElementsAre("https://kubernetes.default.svc"))
        << aud;
  }
}

TEST(TokenIssuer, KeysThatPodsCannotUseAreLeftOut) {
  const Json good{{"kty", "RSA"}, {"kid", "k"}, {"n", "modulus"}, {"e", "AQAB"}};
  EXPECT_EQ(keys_of(Json::array({good})), 1U);
  for (const Json& change :
       {Json{{"use", "enc"}}, Json{{"alg", "HS256"}}, Json{{"alg", "RS512"}}, Json{{"kty", "oct"}},
        Json{{"kid", ""}}, Json{{"kid", 1}}, Json{{"n", nullptr}}, Json{{"n", std::string(3000, 'n')}},
        Json{{"kty", "EC"}, {"crv", "P-384"}, {"x", "x"}, {"y", "y"}},
        Json{{"kty", "EC"}, {"crv", "P-256"}}}) {
    Json key = good;
    key.update(change);
    EXPECT_EQ(keys_of(Json::array({key})), 0U) << key;
    EXPECT_EQ(keys_of(Json::array({key, good})), 1U) << key;
  }
  EXPECT_EQ(keys_of(Json::array({good, good, 1, "x", nullptr})), 1U);
  Json many = Json::array();
  for (int i = 0; i < 100; ++i) {
    many.push_back(good);
    many.back()["kid"] = std::to_string(i);
  }
  EXPECT_EQ(keys_of(many), kMaxIssuerKeys);
  Json secret = good;
  secret["d"] = "private";
  EXPECT_THAT(read_token_issuer(kDiscovery, Json{{"keys", Json::array({secret})}}.dump(), "")->keys.dump(),
              ::testing::Not(HasSubstr("private")));
}

TEST(TokenIssuer, WhatIsAmissIsSaid) {
  const auto problem = [](const std::string& discovery, const std::string& keys) {
    const auto read = read_token_issuer(discovery, keys, "");
    return read ? "none" : read.error();
  };
  for (const char* discovery : {"", "{", "[]", "{}", R"({"issuer":1})", R"({"issuer":""})"}) {
    EXPECT_EQ(problem(discovery, kKeySet), "the discovery document names no issuer") << discovery;
  }
  for (const char* keys : {"", "{", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})"}) {
    EXPECT_EQ(problem(kDiscovery, keys), "the key set has no RSA or P-256 key for signatures") << keys;
  }
  EXPECT_THAT(problem(std::string(kMaxDiscoveryBytes + 1, ' '), kKeySet),
              HasSubstr("larger than 262144 bytes"));
}

TEST(AccessFile, IsForOneStoragePool) {
  Spec spec = spec_of({{"team", "*", {"read", "write"}, {}}, {"ops", "b-*", {"admin"}, {{"w", "_system"}}}});
  const TokenIssuer issuer = issuer_of(jwt({{"aud", {"api"}}}));
  const Json file = Json::parse(access_text(kAuditOfTeam, spec, issuer, {}));
  EXPECT_EQ(file["issuer"], "https://kubernetes.default.svc");
  EXPECT_EQ(file["audiences"], Json::array({"api", "storagepool.dev/team/audit"}));
  EXPECT_EQ(file["keys"]["keys"], issuer.keys);
  EXPECT_EQ(file["serviceAccounts"], Json::parse(R"([
    {"namespace":"team","name":"*","scopes":["read","write"]},
    {"namespace":"ops","name":"b-*","scopes":["admin"],"workspaces":["w","_system"]}])"));
  EXPECT_FALSE(file.contains("namespaces"));
  EXPECT_EQ(Json::parse(access_text(kAuditOfTeam, spec, issuer, {{"ops", "team"}}))["namespaces"],
            Json::array({"ops", "team"}));
}

TEST(AccessFile, HasTheSameBytesHoweverTheKeysAreOrdered) {
  Json keys = Json::parse(kKeySet);
  std::swap(keys["keys"][0], keys["keys"][1]);
  const auto other = read_token_issuer(kDiscovery, keys.dump(), "");
  EXPECT_EQ(access_text(kAuditOfTeam, kDefault, *other, {}),
            access_text(kAuditOfTeam, kDefault, issuer_of(), {}));
}

TEST(AccessFile, TellsWhatItWasMadeFrom) {
  const TokenIssuer issuer = issuer_of(jwt({{"aud", {"api", "other"}}}));
  EXPECT_EQ(issuer_in(access_text(kAuditOfTeam, kDefault, issuer, {}), kAuditOfTeam), issuer);
  for (const char* text : {"", "{}", "[]", R"({"issuer":"i","audiences":["a"],"keys":{"keys":[]}})"}) {
    EXPECT_FALSE(issuer_in(text, kAuditOfTeam)) << text;
  }
}

TEST(AccessFile, NamespacesMatterWhereOthersAreAdmitted) {
  EXPECT_FALSE(needs_namespaces(kAuditOfTeam, kDefault));
  EXPECT_FALSE(needs_namespaces(kAuditOfTeam, spec_of({})));
  for (const char* glob : {"*", "tea?", "ops"}) {
    EXPECT_TRUE(
        needs_namespaces(kAuditOfTeam, spec_of({{"team", "*", {"read"}, {}}, {glob, "*", {"read"}, {}}})))
        << glob;
  }
}

}  // namespace
}  // namespace storagepool::render
