#include "pool/auth/paseto/paseto_claims.h"

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
      R"({"aud":["a"],"iss":"b","nbf":"2026-02-28T10:00:00+01:00","iat":"2026-02-28T09:00:00.5Z","sub":"agent-7",)"
      R"("scope":"read write","exp":"2026-03-01T12:00:00Z","n":1,"x":{"scope":"admin","y":[{"exp":1}]},"t":true,"u":null,"f":1.5})");
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->expires, at("2026-03-01T12:00:00Z"));
  EXPECT_EQ(claims->not_before, at("2026-02-28T09:00:00Z"));
  EXPECT_EQ(claims->issued, at("2026-02-28T09:00:00.5Z"));
  EXPECT_EQ(claims->access.subject, "agent-7");
  EXPECT_TRUE(claims->access.read);
  EXPECT_TRUE(claims->access.write);
  EXPECT_FALSE(claims->access.admin);
}

TEST(ReadClaims, TheListOfWorkspacesConfines) {
  EXPECT_FALSE(read_claims(with(""))->access.workspaces);
  const auto confined = read_claims(with(R"("workspaces":["team-a","dev-*","_system"])"));
  EXPECT_THAT(confined->access.workspaces.value(), ::testing::ElementsAre("team-a", "dev-*", "_system"));
  EXPECT_TRUE(read_claims(with(R"("workspaces":[])"))->access.workspaces->empty());
  std::string many = "\"a\"";
  for (int i = 0; i < 64; ++i) many += ",\"a\"";
  for (const std::string& bad :
       {std::string("null"), std::string("\"team-a\""), std::string("{}"), std::string("[1]"),
        std::string("[\"A\"]"), std::string("[\"\"]"), "[" + many + "]"}) {
    EXPECT_FALSE(read_claims(with("\"workspaces\":" + bad))) << bad;
  }
}

TEST(ReadClaims, IssuerAndAudienceAreAsAsked) {
  const auto taken = [](const std::string& more, const Parties& parties) {
    return read_claims(with(more), parties).has_value();
  };
  const Parties ours{"us", {"pool", "other-pool"}};
  EXPECT_TRUE(taken(R"("iss":"us","aud":"pool")", ours));
  EXPECT_TRUE(taken(R"("iss":"us","aud":["x","other-pool"])", ours));
  for (const char* bad : {"", R"("iss":"us")", R"("aud":"pool")", R"("iss":"them","aud":"pool")",
                          R"("iss":"us","aud":"x")", R"("iss":"us","aud":[])", R"("iss":"us","aud":["x"])",
                          R"("iss":["us"],"aud":"pool")", R"("iss":"us","aud":["pool",1])"}) {
    EXPECT_FALSE(taken(bad, ours)) << bad;
  }
  EXPECT_TRUE(taken("", {}));
  EXPECT_TRUE(taken(R"("iss":"them","aud":"x")", {}));
  EXPECT_TRUE(taken(R"("iss":"us")", {"us", {}}));
  EXPECT_TRUE(taken(R"("aud":"pool")", {"", {"pool"}}));
  EXPECT_FALSE(taken(R"("iss":1)", {}));
  EXPECT_FALSE(taken(R"("aud":{"a":1})", {}));
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
    return std::string(claims->access.read ? "r" : "") + (claims->access.write ? "w" : "") +
           (claims->access.admin ? "a" : "") + (claims->access.sensitive ? "s" : "");
  };
  EXPECT_EQ(given("read"), "r");
  EXPECT_EQ(given("write"), "w");
  EXPECT_EQ(given("write read"), "rw");
  EXPECT_EQ(given("  read   openid read "), "r");
  EXPECT_EQ(given("admin"), "a");
  EXPECT_EQ(given("sensitive admin write read"), "rwas");
  for (const char* none : {"", " ", "READ", "reader", "read,write", "read\\twrite", "read\\u0000", "Admin"}) {
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
                                 with(R"("x":{"a":1,"a":1})"),
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
  Claims claims;
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
  Claims claims;
  claims.expires = at("9999-12-31T23:59:59Z");
  claims.not_before = at("0001-01-01T00:00:00Z");
  EXPECT_TRUE(valid_at(claims, at("2026-03-01T12:00:00Z")));
}

}  // namespace
}  // namespace storagepool::auth
