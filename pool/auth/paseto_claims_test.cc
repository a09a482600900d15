#include "pool/auth/paseto_claims.h"

#include <gmock/gmock.h>

namespace storagepool::auth {
namespace {

using runtime::Timestamp;

constexpr const char* kExp = R"("exp":"2026-03-01T12:00:00Z")";

Timestamp at(std::string_view text) {
  return *runtime::parse_timestamp(text);
}
std::string with(const std::string& more) {
  return "{" + std::string(kExp) + (more.empty() ? "" : "," + more) + "}";
}

TEST(ReadClaims, TakesOurClaimsAndIgnoresOthers) {
  const auto claims = read_claims(
      R"({"aud":["a",{"exp":1}],"nbf":"2026-02-28T10:00:00+01:00","iat":"2026-02-28T09:00:00.5Z","sub":"agent-7",)"
      R"("scope":"read write","exp":"2026-03-01T12:00:00Z","n":1,"x":{"scope":"admin"},"t":true,"u":null,"f":1.5})");
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->expires, at("2026-03-01T12:00:00Z"));
  EXPECT_EQ(claims->not_before, at("2026-02-28T09:00:00Z"));
  EXPECT_EQ(claims->issued, at("2026-02-28T09:00:00.5Z"));
  EXPECT_EQ(claims->access.subject, "agent-7");
  EXPECT_TRUE(claims->access.read);
  EXPECT_TRUE(claims->access.write);
  EXPECT_FALSE(claims->access.admin);
}

TEST(ReadClaims, WithoutAScopeNothingIsAllowed) {
  const auto claims = read_claims(with(""));
  ASSERT_TRUE(claims);
  EXPECT_FALSE(claims->access.read);
  EXPECT_FALSE(claims->access.write);
  EXPECT_EQ(claims->access.subject, "");
  EXPECT_FALSE(claims->not_before);
  EXPECT_FALSE(claims->issued);
}

TEST(ReadClaims, TheScopeIsWordsSeparatedByBlanks) {
  const auto given = [](const std::string& scope) -> std::string {
    const auto claims = read_claims(with(R"("scope":")" + scope + "\""));
    if (!claims) return "invalid";
    return std::string(claims->access.read ? "r" : "") + (claims->access.write ? "w" : "");
  };
  EXPECT_EQ(given("read"), "r");
  EXPECT_EQ(given("write"), "w");
  EXPECT_EQ(given("write read"), "rw");
  EXPECT_EQ(given("  read   openid read "), "r");
  for (const char* none : {"", " ", "READ", "reader", "read,write", "read\\twrite", "read\\u0000", "admin"}) {
    EXPECT_EQ(given(none), "") << none;
  }
}

TEST(ReadClaims, RefusesWhatIsNotSound) {
  const std::string exp = kExp;
  const std::string deep = std::string(15, '[') + std::string(15, ']');
  EXPECT_TRUE(read_claims(with("\"x\":" + deep)));
  for (const std::string& bad : {std::string(),
                                 std::string("null"),
                                 std::string("[]"),
                                 std::string("\"exp\""),
                                 std::string("1"),
                                 std::string("{}"),
                                 std::string(R"({"sub":"a"})"),
                                 "{" + exp,
                                 "{" + exp + "}x",
                                 "[" + with("") + "]",
                                 with(exp),
                                 with(R"("exp":1)"),
                                 with(R"("sub":1)"),
                                 with(R"("sub":null)"),
                                 with(R"("sub":["a"])"),
                                 with(R"("sub":"a","sub":"a")"),
                                 with(R"("scope":["read","write"])"),
                                 with(R"("scope":{})"),
                                 with(R"("scope":"read","scope":"write")"),
                                 with(R"("nbf":"soon")"),
                                 with(R"("iat":"")"),
                                 with(R"("nbf":1709200000)"),
                                 with("\"x\":[" + deep + "]"),
                                 with("\"x\":" + std::string(3000, '[')),
                                 with("\"sub\":\"" + std::string(256, 'a') + "\""),
                                 with("\"sub\":\"\xff\""),
                                 with(R"("sub":"\ud800")"),
                                 with("\"x\":1e999"),
                                 with("\"sub\":\"a\"") + std::string(1, '\0')}) {
    EXPECT_FALSE(read_claims(bad)) << bad;
  }
  for (const char* bad : {R"({"exp":"2026-03-01"})", R"({"exp":"2026-03-01T12:00:00"})",
                          R"({"exp":"2026-02-30T12:00:00Z"})", R"({"exp":"never"})", R"({"exp":null})",
                          R"({"exp":1772366400})", R"({"exp":["2026-03-01T12:00:00Z"]})"}) {
    EXPECT_FALSE(read_claims(bad)) << bad;
  }
}

TEST(ReadClaims, AnEscapedNameIsTheSameName) {
  EXPECT_TRUE(read_claims(R"({"\u0065xp":"2026-03-01T12:00:00Z"})"));
  EXPECT_FALSE(read_claims(with(R"("\u0065xp":"2027-03-01T12:00:00Z")")));
}

TEST(ValidAt, BoundsTheClockSkew) {
  PasetoClaims claims;
  claims.expires = at("2026-03-01T12:00:00Z");
  EXPECT_TRUE(valid_at(claims, at("2026-03-01T11:59:59Z")));
  EXPECT_TRUE(valid_at(claims, at("2026-03-01T12:00:59.999999Z")));
  EXPECT_FALSE(valid_at(claims, at("2026-03-01T12:01:00Z")));

  claims.not_before = at("2026-03-01T10:00:00Z");
  EXPECT_FALSE(valid_at(claims, at("2026-03-01T09:58:59.999999Z")));
  EXPECT_TRUE(valid_at(claims, at("2026-03-01T09:59:00Z")));

  claims.issued = at("2026-03-01T11:00:00Z");
  EXPECT_FALSE(valid_at(claims, at("2026-03-01T10:58:59.999999Z")));
  EXPECT_TRUE(valid_at(claims, at("2026-03-01T10:59:00Z")));
}

TEST(ValidAt, TheFirstAndTheLastYearDoNotOverflow) {
  PasetoClaims claims;
  claims.expires = at("9999-12-31T23:59:59Z");
  claims.not_before = at("0001-01-01T00:00:00Z");
  EXPECT_TRUE(valid_at(claims, at("2026-03-01T12:00:00Z")));
}

}  // namespace
}  // namespace storagepool::auth
