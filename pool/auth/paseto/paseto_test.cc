#include "pool/auth/paseto/paseto.h"

#include <vector>

#include <gmock/gmock.h>

#include "pool/auth/testing/paseto_issuer.h"
#include "pool/common/encoding/testing/paseto_vectors.h"

namespace storagepool::auth {
namespace {

using encoding::testing::kVectorFooter;
using encoding::testing::kVectorMessage;
using encoding::testing::kVectorPublicKey;
using encoding::testing::kVectorSeed;
using encoding::testing::paseto_vectors;
using encoding::testing::PasetoVector;
using testing::base64url;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::PasetoIssuer;

PublicKey vector_key() {
  return *parse_public_key(kVectorPublicKey);
}
bool admits(std::string_view token, const PublicKey& key, std::string_view implicit_assertion = {}) {
  const auto parsed = parse_paseto(token);
  return parsed && verify(*parsed, key, implicit_assertion);
}

TEST(Paseto, VerifiesTheOfficialVectors) {
  for (const PasetoVector& vector : paseto_vectors()) {
    const auto token = parse_paseto(vector.token);
    ASSERT_TRUE(token) << vector.name;
    EXPECT_EQ(token->message, kVectorMessage) << vector.name;
    EXPECT_EQ(token->footer, vector.footer) << vector.name;
    EXPECT_TRUE(verify(*token, vector_key(), vector.implicit_assertion)) << vector.name;
    EXPECT_FALSE(verify(*token, vector_key(), "x")) << vector.name;
  }
}

TEST(Paseto, TheIssuerOfTheTestsMakesTheOfficialTokens) {
  PasetoIssuer::Seed seed{};
  ASSERT_EQ(sodium_hex2bin(seed.data(), seed.size(), kVectorSeed, 64, nullptr, nullptr, nullptr), 0);
  const PasetoIssuer issuer(seed);
  EXPECT_EQ(issuer.public_key_hex(), kVectorPublicKey);
  for (const PasetoVector& vector : paseto_vectors()) {
    EXPECT_EQ(issuer.token(kVectorMessage, vector.footer, vector.implicit_assertion), vector.token)
        << vector.name;
  }
}

TEST(Paseto, RefusesTheOfficialVectorsThatMustFail) {
  const std::string footer = ".YXJiaXRyYXJ5LXN0cmluZy10aGF0LWlzbid0LWpzb24";
  for (const std::string& token :
       {"v4.local.vngXfCISbnKgiP6VWGuOSlYrFYU300fy9ijW33rznDYgxHNPwWluAY2Bgb0z54CUs6aYYkIJ-bOOOmJHPuX_34Agt_"
        "IPlNdGDpRdGNnBz2MpWJvB3cttheEc1uyCEYltj7wBQQYX" +
            footer,
        "v3.local.23e_2PiqpQBPvRFKzB0zHhjmxK3sKo2grFZRRLM-"
        "U7L0a8uHxuF9RlVz3Ic6WmdUUWTxCaYycwWV1yM8gKbZB2JhygDMKv"
        "HQ7eBf8GtF0r3K0Q_gF1PXOxcOgztak1eD1dPe9rLVMSgR0nHJXeIGYVuVrVoLWQ" +
            footer,
        std::string(
            "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0"
            "e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XJ5hOb_4v9RmDkneN0S92dx0OW4pgy7omxgf3S8"
            "c3LlQh")}) {
    EXPECT_FALSE(parse_paseto(token)) << token;
  }
  const std::string of_another_key =  // 4-F-2
      "v4.public.eyJpbnZhbGlkIjoidGhpcyBzaG91bGQgbmV2ZXIgZGVjb2RlIn22Sp4gjCaUw0c7EH84ZSm_jN_"
      "Qr41MrgLNu5LIBCzUr1pn"
      "3Z-Wukg9h3ceplWigpoHaTLcwxj0NsI1vjTh67YB."
      "eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2"
      "MGhhTiJ9";
  ASSERT_TRUE(parse_paseto(of_another_key));
  EXPECT_FALSE(admits(of_another_key, vector_key()));
  EXPECT_FALSE(admits(of_another_key, vector_key(), R"({"test-vector":"4-F-2"})"));
}

TEST(Paseto, NoChangeOfOneCharacterIsTaken) {
  const std::string& token = paseto_vectors()[1].token;
  ASSERT_TRUE(admits(token, vector_key()));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(admits(changed, vector_key())) << i;
    changed.erase(i, 1);
    EXPECT_FALSE(admits(changed, vector_key())) << i;
  }
}

TEST(Paseto, TheFooterIsSigned) {
  const PasetoIssuer issuer(1);
  const PublicKey key = *parse_public_key(issuer.public_key());
  const std::string plain = issuer.token("{}");
  const std::string with_footer = issuer.token("{}", "f");
  EXPECT_TRUE(admits(plain, key));
  EXPECT_TRUE(admits(with_footer, key));
  EXPECT_FALSE(admits(plain + "." + base64url("f"), key));
  EXPECT_FALSE(admits(with_footer.substr(0, with_footer.rfind('.')), key));
  EXPECT_FALSE(admits(with_footer, *parse_public_key(PasetoIssuer(2).public_key())));
}

TEST(Paseto, HasOneSpelling) {
  const std::string token = PasetoIssuer(1).token("{}");  // 66 bytes, so that no bits are left over
  const std::string odd = PasetoIssuer(1).token("{ }");   // 67 bytes: four bits are left over
  ASSERT_TRUE(parse_paseto(token));
  ASSERT_TRUE(parse_paseto(odd));
  std::string stray = odd;
  ++stray.back();
  for (const std::string& bad :
       {token + ".", token + "..", token + ".Zg.", token + ".Zg.Zg", token + "=", token + " ", token + "\n",
        " " + token, odd + "==", stray, token + ".Zg==", token + ".Z", token + ".Zh", "V4" + token.substr(2),
        "v4.Public." + token.substr(10), "v4.public" + token.substr(10)}) {
    EXPECT_FALSE(parse_paseto(bad)) << bad;
  }
}

TEST(Paseto, HostileTextIsNoToken) {
  const std::string nul("v4.public.AAAA\0AAAA", 19);
  for (const std::string& bad :
       {std::string(), std::string("v4.public."), std::string("v4.public.."), std::string("v4.public.AA"),
        "v4.public." + base64url(std::string(64, 'x')), nul, "v4.public." + std::string(200, '+'),
        "v4.public." + std::string(200, '\xff'), std::string(200, '.')}) {
    EXPECT_FALSE(parse_paseto(bad)) << bad;
  }
  EXPECT_TRUE(parse_paseto("v4.public." + base64url(std::string(65, 'x'))));
  const std::string largest = "v4.public." + std::string(kMaxPasetoBytes - 12, 'A');
  EXPECT_TRUE(parse_paseto(largest + "AA"));
  EXPECT_FALSE(parse_paseto(largest + "AAA"));
}

TEST(PublicKeyText, IsPaserkOrHexadecimal) {
  const PasetoIssuer issuer(3);
  const std::string bytes = issuer.public_key_bytes();
  std::string upper = issuer.public_key_hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& text : {issuer.public_key(), issuer.public_key_hex(), upper}) {
    const auto key = parse_public_key(text);
    ASSERT_TRUE(key) << text;
    EXPECT_EQ(std::string(key->begin(), key->end()), bytes);
  }
}

TEST(PublicKeyText, AnythingElseIsRefusedWithoutRepeatingIt) {
  const std::string hex = PasetoIssuer(3).public_key_hex();
  const std::string encoded = base64url(PasetoIssuer(3).public_key_bytes());
  const std::string zeros(64, '0');
  for (const std::string& text :
       {std::string(), hex.substr(1), hex.substr(2), hex + "00", hex.substr(1) + "g", "0x" + hex, encoded,
        "k4.public." + encoded + "=", "k4.public." + encoded.substr(1), "k3.public." + encoded,
        "k4.local." + encoded, "k4.pid." + encoded, std::string("-----BEGIN PUBLIC KEY-----")}) {
    const auto key = parse_public_key(text);
    ASSERT_FALSE(key) << text;
    EXPECT_THAT(key.error(), HasSubstr("is not a public key"));
    EXPECT_TRUE(text.empty() || key.error().find(text) == std::string::npos) << key.error();
  }
  const auto secret = parse_public_key("k4.secret." + encoded);
  ASSERT_FALSE(secret);
  EXPECT_THAT(secret.error(), HasSubstr("is a secret key"));
  EXPECT_THAT(secret.error(), Not(HasSubstr(encoded)));
}

TEST(PublicKeyText, KeysThatAnybodyCanSignForAreRefused) {
  for (const std::string& text :
       {std::string(64, '0'), "01" + std::string(62, '0'), std::string(64, 'f'),
        std::string("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")}) {
    const auto key = parse_public_key(text);
    ASSERT_FALSE(key) << text;
    EXPECT_THAT(key.error(), HasSubstr("not a point"));
  }
}

}  // namespace
}  // namespace storagepool::auth
