#include "pool/auth/service_accounts/jwt.h"

#include <gmock/gmock.h>

#include "pool/auth/testing/paseto_issuer.h"

namespace storagepool::auth {
namespace {

using testing::base64url;

std::string jwt_of(const std::string& header, const std::string& payload = "{}",
                   const std::string& signature = "signature") {
  return base64url(header) + "." + base64url(payload) + "." + base64url(signature);
}

TEST(ParseJwt, TakesItApart) {
  const std::string token = jwt_of(R"({"alg":"ES256","kid":"k-1","typ":"jwt"})", R"({"sub":"a"})");
  const auto parsed = parse_jwt(token);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->algorithm, JwtAlgorithm::kEs256);
  EXPECT_EQ(parsed->key_id, "k-1");
  EXPECT_EQ(parsed->payload, R"({"sub":"a"})");
  EXPECT_EQ(parsed->signature, "signature");
  EXPECT_EQ(parsed->signed_text, token.substr(0, token.rfind('.')));
}

TEST(ParseJwt, KnowsTwoAlgorithmsOnly) {
  EXPECT_TRUE(parse_jwt(jwt_of(R"({"alg":"RS256"})")));
  for (const char* algorithm : {"none", "None", "HS256", "RS384", "PS256", "ES384", "EdDSA", "rs256", ""}) {
    EXPECT_FALSE(parse_jwt(jwt_of(R"({"alg":")" + std::string(algorithm) + "\"}"))) << algorithm;
  }
}

TEST(ParseJwt, TheExamplesOfOtherAlgorithmsInTheRfcsAreNone) {
  const std::string payload =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  for (const std::string& token : {
           // RFC 7519, section 3.1, which is RFC 7515, A.1: HS256
           "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payload +
               ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
           // RFC 7519, section 6.1, which is RFC 7515, A.5: none
           "eyJhbGciOiJub25lIn0." + payload + ".",
           // RFC 7515, A.4: ES512
           std::string(
               "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
               "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7"
               "XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"),
       }) {
    EXPECT_FALSE(parse_jwt(token)) << token;
  }
}

TEST(ParseJwt, RefusesHeadersThatItDoesNotUnderstand) {
  for (const char* header :
       {"", "null", "[]", "\"RS256\"", "{}", R"({"alg":null})", R"({"alg":["RS256"]})",
        R"({"alg":"RS256","crit":["exp"]})", R"({"alg":"RS256","crit":[]})", R"({"alg":"RS256","kid":1})",
        R"({"alg":"RS256","kid":""})", R"({"alg":"RS256","typ":"at+jwt"})", R"({"alg":"RS256","typ":1})",
        R"({"alg":"RS256","alg":"RS256"})", R"({"alg":"RS256","x":{"a":1,"a":2}})", R"({"alg":"RS256"}x)"}) {
    EXPECT_FALSE(parse_jwt(jwt_of(header))) << header;
  }
  EXPECT_FALSE(parse_jwt(jwt_of(R"({"alg":"RS256"})" + std::string(1, '\0'))));
}

// What the token itself says of keys is nobody's business.
TEST(ParseJwt, DoesNotLookAtKeysInTheHeader) {
  const auto parsed = parse_jwt(jwt_of(
      R"({"alg":"RS256","kid":"k","jwk":{"kty":"RSA"},"jku":"https://evil.example","x5c":["AA"],"x5u":"u"})"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key_id, "k");
}

TEST(ParseJwt, HasOneSpelling) {
  const std::string good = jwt_of(R"({"alg":"RS256"})");
  ASSERT_TRUE(parse_jwt(good));
  const std::size_t first = good.find('.');
  const std::size_t last = good.rfind('.');
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("..."), good + ".", "." + good,
        good + "=", good + "\n", " " + good, good.substr(0, last), good.substr(first + 1),
        good.substr(0, last + 1), good.substr(0, first) + good.substr(last),
        good.substr(0, last) + "." + good.substr(last), good + ".e30.e30",
        std::string(good).insert(first + 1, "+"), std::string(good).insert(1, "\xff")}) {
    EXPECT_FALSE(parse_jwt(bad)) << bad;
  }
  // Stray bits at the end: "e31" would be "e30" to a lax reader.
  EXPECT_TRUE(parse_jwt(good.substr(0, first) + ".e30" + good.substr(last)));
  EXPECT_FALSE(parse_jwt(good.substr(0, first) + ".e31" + good.substr(last)));
}

TEST(ParseJwt, IsBounded) {
  const std::string shortest = jwt_of(R"({"alg":"RS256"})", "");
  const std::size_t room = kMaxJwtBytes - shortest.size();
  EXPECT_TRUE(parse_jwt(jwt_of(R"({"alg":"RS256"})", std::string(room / 4 * 3, 'x'))));
  EXPECT_FALSE(parse_jwt(jwt_of(R"({"alg":"RS256"})", std::string(room / 4 * 3 + 4, 'x'))));
}

}  // namespace
}  // namespace storagepool::auth
