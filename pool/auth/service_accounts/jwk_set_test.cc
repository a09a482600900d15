#include "pool/auth/service_accounts/jwk_set.h"

#include <gmock/gmock.h>

#include "pool/auth/testing/jwt_issuer.h"

namespace storagepool::auth {
namespace {

using Json = nlohmann::json;
using testing::base64url;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::JwtIssuer;

const JwtIssuer& rsa() {
  static const JwtIssuer issuer(JwtIssuer::Kind::kRsa, "rsa-1");
  return issuer;
}
const JwtIssuer& ec() {
  static const JwtIssuer issuer(JwtIssuer::Kind::kEc, "ec-1");
  return issuer;
}

JwkSet set_of(const Json& keys) {
  return parse_jwk_set(Json{{"keys", keys}});
}
bool verified(const std::string& token, const JwkSet& set) {
  const auto parsed = parse_jwt(token);
  if (!parsed) return false;
  const Jwk* key = set.find(*parsed);
  return key != nullptr && verify(*parsed, *key);
}
std::string problem_of(const Json& jwk) {
  const JwkSet set = set_of(Json::array({jwk}));
  EXPECT_THAT(set.keys, IsEmpty()) << jwk;
  return set.problems.size() == 1 ? set.problems.front() : "none or many";
}

// RFC 7515, A.2 and A.3: one payload, signed with RS256 and with ES256. The keys have no name there.
constexpr const char* kPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
constexpr const char* kRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
    "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
    "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
    "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
constexpr const char* kEcSignature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

Json rfc_keys() {
  return {{{"kty", "RSA"},
           {"kid", "a"},
           {"n",
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
            "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs"
            "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
            "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"},
           {"e", "AQAB"}},
          {{"kty", "EC"},
           {"kid", "b"},
           {"crv", "P-256"},
           {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
           {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}}};
}

TEST(Jws, VerifiesTheVectorsOfRfc7515) {
  const JwkSet set = set_of(rfc_keys());
  ASSERT_EQ(set.keys.size(), 2U) << ::testing::PrintToString(set.problems);
  const std::string rs = "eyJhbGciOiJSUzI1NiJ9." + std::string(kPayload) + "." + kRsaSignature;
  const std::string es = "eyJhbGciOiJFUzI1NiJ9." + std::string(kPayload) + "." + kEcSignature;
  EXPECT_TRUE(verify(*parse_jwt(rs), set.keys[0]));
  EXPECT_TRUE(verify(*parse_jwt(es), set.keys[1]));
  EXPECT_FALSE(verify(*parse_jwt(rs), set.keys[1]));
  EXPECT_FALSE(verify(*parse_jwt(es), set.keys[0]));
  EXPECT_EQ(parse_jwt(rs)->payload,
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
  for (const std::string& token : {rs, es}) {
    for (std::size_t at = 0; at < token.size(); at += 7) {
      std::string changed = token;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      const auto parsed = parse_jwt(changed);
      EXPECT_FALSE(parsed && verify(*parsed, set.keys[token == rs ? 0 : 1])) << at;
    }
  }
}

TEST(Jws, TheTokenNamesTheKeyAndTheAlgorithm) {
  const JwtIssuer other(JwtIssuer::Kind::kRsa, "rsa-2");
  const JwkSet set = set_of({rsa().jwk(), ec().jwk(), other.jwk()});
  EXPECT_THAT(set.problems, IsEmpty());
  EXPECT_TRUE(verified(rsa().token(Json::object()), set));
  EXPECT_TRUE(verified(ec().token(Json::object()), set));
  EXPECT_FALSE(verified(rsa().token({{"alg", "RS256"}, {"kid", "rsa-2"}}, "{}"), set));
  EXPECT_FALSE(verified(rsa().token({{"alg", "RS256"}, {"kid", "unknown"}}, "{}"), set));
  EXPECT_FALSE(verified(rsa().token({{"alg", "RS256"}}, "{}"), set));
  EXPECT_FALSE(verified(rsa().token({{"alg", "RS256"}, {"kid", "ec-1"}}, "{}"), set));
  EXPECT_FALSE(verified(ec().token({{"alg", "RS256"}, {"kid", "ec-1"}}, "{}"), set));
}

// Keys of both kinds may have one name (RFC 7517, section 4.5).
TEST(Jws, TheAlgorithmTellsKeysOfOneNameApart) {
  const JwkSet set = set_of({rsa().jwk({{"kid", "k"}}), ec().jwk({{"kid", "k"}})});
  EXPECT_TRUE(verified(rsa().token({{"alg", "RS256"}, {"kid", "k"}}, "{}"), set));
  EXPECT_TRUE(verified(ec().token({{"alg", "ES256"}, {"kid", "k"}}, "{}"), set));
}

TEST(Jws, ThePublicKeyIsNoSecretOfBothSides) {
  const JwkSet set = set_of({rsa().jwk(), ec().jwk()});
  EXPECT_FALSE(verified(rsa().hmac_token(rsa().header(), "{}"), set));
  std::string unsigned_token = rsa().token({{"alg", "none"}, {"kid", "rsa-1"}}, "{}");
  EXPECT_FALSE(verified(unsigned_token, set));
  unsigned_token.resize(unsigned_token.rfind('.') + 1);
  EXPECT_FALSE(verified(unsigned_token, set));
}

TEST(Jws, ASignatureOfEs256IsTwoNumbersOf32Bytes) {
  const JwkSet set = set_of(Json::array({ec().jwk()}));
  const std::string good = ec().token(Json::object());
  auto token = *parse_jwt(good);
  ASSERT_TRUE(verify(token, set.keys[0]));
  const std::string signature = token.signature;
  for (const std::string& bad :
       {signature + '\0', signature.substr(1), std::string(64, '\0'), std::string(64, '\xff'),
        signature.substr(32) + signature.substr(0, 32), std::string(1, '\x30') + signature}) {
    token.signature = bad;
    EXPECT_FALSE(verify(token, set.keys[0])) << base64url(bad);
  }
}

TEST(JwkSet, TakesKeysForSignaturesOnly) {
  EXPECT_THAT(problem_of(rsa().jwk({{"use", "enc"}})), HasSubstr("key 1 is not for signatures"));
  EXPECT_THAT(problem_of(rsa().jwk({{"alg", "RSA-OAEP"}})), HasSubstr("is not for signatures"));
  EXPECT_THAT(problem_of(rsa().jwk({{"alg", "PS256"}})), HasSubstr("is not for signatures"));
  EXPECT_THAT(problem_of(rsa().jwk({{"key_ops", {"encrypt"}}})), HasSubstr("is not for signatures"));
  EXPECT_THAT(problem_of(rsa().jwk({{"key_ops", "verify"}})), HasSubstr("is not for signatures"));
  EXPECT_THAT(problem_of(ec().jwk({{"alg", "RS256"}})), HasSubstr("is not for signatures"));
  EXPECT_THAT(problem_of(rsa().jwk({{"d", "AQAB"}})), HasSubstr("is a private key"));
  Json bare = rsa().jwk({{"key_ops", {"verify"}}});
  bare.erase("use");
  bare.erase("alg");
  EXPECT_TRUE(verified(rsa().token(Json::object()), set_of(Json::array({bare}))));
}

TEST(JwkSet, RefusesKeysThatAreNotSound) {
  for (const Json& none :
       {Json(), Json(1), Json("RSA"), Json::array(), Json::object(), Json{{"kty", "oct"}, {"k", "AA"}},
        Json{{"kty", "OKP"}, {"kid", "a"}, {"crv", "Ed25519"}, {"x", "AA"}}}) {
    EXPECT_THAT(problem_of(none), HasSubstr("is neither RSA nor EC")) << none;
  }
  Json unnamed = rsa().jwk();
  unnamed.erase("kid");
  EXPECT_EQ(problem_of(unnamed), "key 1 has no kid");
  EXPECT_EQ(problem_of(rsa().jwk({{"n", "!"}})), "key 1 has no modulus and exponent");
  EXPECT_EQ(problem_of(rsa().jwk({{"n", ""}})), "key 1 has no modulus and exponent");
  EXPECT_EQ(problem_of(rsa().jwk({{"e", std::string(12, 'A')}})), "key 1 has no modulus and exponent");
  EXPECT_EQ(problem_of(rsa().jwk({{"e", "AQ"}})), "key 1 has no sound exponent");
  EXPECT_EQ(problem_of(rsa().jwk({{"e", "AQAA"}})), "key 1 has no sound exponent");
  EXPECT_EQ(problem_of(ec().jwk({{"crv", "P-384"}})), "key 1 is on no P-256 curve");
  EXPECT_EQ(problem_of(ec().jwk({{"x", "AAAA"}})), "key 1 has no point of two times 32 bytes");
  EXPECT_EQ(problem_of(ec().jwk({{"x", base64url(std::string(32, '\x01'))}})), "key 1 is not sound");
  EXPECT_EQ(problem_of(
                ec().jwk({{"x", base64url(std::string(32, '\0'))}, {"y", base64url(std::string(32, '\0'))}})),
            "key 1 is not sound");
}

TEST(JwkSet, BoundsTheBitsOfRsa) {
  const JwtIssuer weak(JwtIssuer::Kind::kRsa, "weak", 1024);
  EXPECT_EQ(problem_of(weak.jwk()), "key 1 has 1024 bits; allowed: 2048 to 8192");
  EXPECT_THAT(problem_of(rsa().jwk({{"n", base64url(std::string(1025, '\xff'))}})),
              HasSubstr("has 8200 bits"));
}

TEST(JwkSet, AKeyThatCannotBeUsedDoesNotDisturbTheOthers) {
  const JwkSet set = set_of({Json(), rsa().jwk({{"use", "enc"}}), ec().jwk()});
  EXPECT_THAT(set.problems, ElementsAre(HasSubstr("key 1 "), HasSubstr("key 2 ")));
  EXPECT_TRUE(verified(ec().token(Json::object()), set));
}

TEST(JwkSet, IsBoundedAndNeverEmptyWithoutAWord) {
  Json many = Json::array();
  for (std::size_t i = 0; i <= kMaxJwks; ++i) many.push_back(ec().jwk());
  EXPECT_EQ(set_of(many).keys.size(), kMaxJwks);
  EXPECT_THAT(set_of(many).problems, ElementsAre("key 33 is one too many: at most 32 are used"));
  EXPECT_THAT(set_of(Json::array()).problems, ElementsAre("the list of keys is empty"));
  for (const Json& none : {Json(), Json::array(), Json::object(), Json{{"keys", 1}}}) {
    EXPECT_THAT(parse_jwk_set(none).problems, ElementsAre("there is no list of keys"));
  }
}

}  // namespace
}  // namespace storagepool::auth
