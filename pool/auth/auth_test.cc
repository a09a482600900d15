#include "pool/auth/auth.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "pool/auth/testing/jwt_issuer.h"
#include "pool/auth/testing/mounted_folder.h"
#include "pool/auth/testing/paseto_issuer.h"

namespace storagepool::auth {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::JwtIssuer;
using testing::MountedFolder;
using ::testing::Not;
using testing::PasetoIssuer;

constexpr const char* kReader = "reader-token-0123456789";
constexpr const char* kWriter = "writer-token-0123456789";
constexpr const char* kBoth = "both-token-0123456789";

http::Request request_with(const std::string& token) {
  http::Request request;
  request.method = "GET";
  request.path = "/api/v1/audit/events";
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
  return request;
}

// What is allowed, as letters, or why the request is refused.
std::string to_text(const tl::expected<http::Access, Refusal>& access) {
  if (access) {
    return std::string(access->read ? "r" : "") + (access->write ? "w" : "") + (access->admin ? "a" : "") +
           (access->sensitive ? "s" : "") + (access->figures ? "f" : "") + (access->known ? "" : "?") +
           (access->subject.empty() ? "" : " " + access->subject);
  }
  return std::string(to_string(access.error()));
}

class AuthenticatorTest : public ::testing::Test {
 protected:
  Authenticator make(AuthMode mode) const { return Authenticator({.mode = mode, .dir = mounted_.path()}); }
  std::string access(Authenticator& authenticator, const std::string& token) const {
    return to_text(authenticator.authenticate(request_with(token), now_));
  }
  std::string figures(Authenticator& authenticator, const std::string& token) const {
    return to_text(authenticator.check_reader(request_with(token), now_));
  }
  void pass(seconds time) {
    now_.steady += time;
    now_.wall += time;
  }
  std::string claims(const std::string& more) const {
    return R"({"exp":")" + runtime::format_timestamp(now_.wall + seconds(300)) + "\"" +
           (more.empty() ? "" : "," + more) + "}";
  }

  MountedFolder mounted_{{}};
  Now now_{{}, *runtime::parse_timestamp("2026-02-28T12:00:00Z")};
  PasetoIssuer issuer_{1};
};

TEST(AuthModeNames, AreThoseOfTheResource) {
  for (const AuthMode mode : kAuthModes) {
    EXPECT_EQ(parse_auth_mode(to_string(mode)), mode);
  }
  EXPECT_EQ(to_string(AuthMode::kPaseto), "Paseto");
  EXPECT_EQ(to_string(AuthMode::kServiceAccount), "ServiceAccount");
  for (const char* other : {"", "none", "PASETO", "Basic"}) EXPECT_FALSE(parse_auth_mode(other)) << other;
}

TEST_F(AuthenticatorTest, NoneAdmitsEverybodyButToTheFigures) {
  Authenticator none = make(AuthMode::kNone);
  EXPECT_EQ(access(none, ""), "rws?");
  EXPECT_EQ(access(none, "whatever"), "rws?");
  EXPECT_EQ(figures(none, ""), "missing");
  EXPECT_EQ(figures(none, "whatever"), "invalid");
  EXPECT_THAT(none.status(now_), IsEmpty());
}

TEST_F(AuthenticatorTest, TokenTellsReadersAndWritersApart) {
  mounted_.mount({{"read", kReader}, {"write", kWriter}, {"token", kBoth}});
  Authenticator token = make(AuthMode::kToken);
  EXPECT_EQ(access(token, kReader), "r");
  EXPECT_EQ(access(token, kWriter), "w");
  EXPECT_EQ(access(token, kBoth), "rw");
  EXPECT_EQ(access(token, ""), "missing");
  EXPECT_EQ(access(token, "reader-token-012345678"), "invalid");
  EXPECT_THAT(token.status(now_), IsEmpty());

  http::Request basic = request_with("");
  basic.headers.emplace_back("Authorization", "Basic dXNlcjpwYXNz");
  EXPECT_EQ(to_text(token.authenticate(basic, now_)), "malformed");
}

TEST_F(AuthenticatorTest, ATokenInTwoFilesHasTheRightsOfBoth) {
  mounted_.mount({{"read", kReader}, {"write", std::string(kWriter) + "\n" + kReader}});
  Authenticator token = make(AuthMode::kToken);
  EXPECT_EQ(access(token, kReader), "rw");
  EXPECT_EQ(access(token, kWriter), "w");
}

TEST_F(AuthenticatorTest, ANamedTokenGivesWhatItsLineSays) {
  mounted_.mount(
      {{"read", std::string(kReader) + "\n" + kBoth},
       {"tokens", std::string(kBoth) + " ops:admin,sensitive\n" + kWriter + " a:read,write:team-a\n"}});
  Authenticator token = make(AuthMode::kToken);
  EXPECT_EQ(access(token, kReader), "r");
  EXPECT_EQ(access(token, kBoth), "as ops");  // whatever the other files say of it
  EXPECT_EQ(access(token, kWriter), "rw a");
  EXPECT_THAT(token.authenticate(request_with(kWriter), now_)->workspaces.value(), ElementsAre("team-a"));
  EXPECT_EQ(figures(token, kBoth), "asf ops");
  EXPECT_EQ(figures(token, kWriter), "forbidden");  // they are of all workspaces
  EXPECT_THAT(token.status(now_), IsEmpty());
}

TEST_F(AuthenticatorTest, PasetoIsBetweenTheConfiguredParties) {
  mounted_.mount({{"issuer.pub", issuer_.public_key()}});
  Authenticator paseto({.mode = AuthMode::kPaseto, .dir = mounted_.path(), .parties = {"us", {"pool"}}});
  EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read","iss":"us","aud":"pool")"))), "r");
  EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read","iss":"us","aud":"x")"))), "invalid");
  EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read","iss":"us")"))), "invalid");
  EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read","aud":"pool")"))), "invalid");
}

TEST_F(AuthenticatorTest, ServiceAccountTakesTheIssuersTokensOnly) {
  const JwtIssuer api_server(JwtIssuer::Kind::kEc, "k");
  const nlohmann::json file = {
      {"issuer", "i"},
      {"audiences", {"a"}},
      {"keys", {{"keys", nlohmann::json::array({api_server.jwk()})}}},
      {"serviceAccounts", {{{"namespace", "n"}, {"name", "*"}, {"scopes", {"read"}}}}}};
  mounted_.mount({{"access.json", file.dump()}, {"token", kBoth}});
  Authenticator authenticator({.mode = AuthMode::kServiceAccount,
                               .dir = mounted_.path(),
                               .access_file = mounted_.path("access.json")});
  const auto exp = std::chrono::duration_cast<seconds>(now_.wall.time_since_epoch()).count() + 600;
  const std::string token = api_server.token(
      {{"iss", "i"},
       {"aud", "a"},
       {"exp", exp},
       {"sub", "system:serviceaccount:n:s"},
       {"kubernetes.io", {{"namespace", "n"}, {"serviceaccount", {{"name", "s"}, {"uid", "u"}}}}}});
  EXPECT_EQ(access(authenticator, token), "r system:serviceaccount:n:s");
  EXPECT_EQ(figures(authenticator, token), "rf system:serviceaccount:n:s");
  EXPECT_EQ(access(authenticator, ""), "missing");
  EXPECT_EQ(access(authenticator, kBoth), "invalid");
  EXPECT_THAT(authenticator.status(now_), IsEmpty());
  mounted_.mount({{"access.json", "s3cret"}});
  pass(seconds(1));
  EXPECT_EQ(access(authenticator, token), "r system:serviceaccount:n:s");
  EXPECT_THAT(authenticator.status(now_),
              ElementsAre(AllOf(HasSubstr("access.json"), Not(HasSubstr("s3cret")))));
}

TEST_F(AuthenticatorTest, TokensAreRotatedLive) {
  mounted_.mount({{"read", kReader}});
  Authenticator token = make(AuthMode::kToken);
  EXPECT_EQ(access(token, kReader), "r");
  mounted_.mount({{"write", kReader}});
  pass(seconds(1));
  EXPECT_EQ(access(token, kReader), "w");
  mounted_.mount({});
  pass(seconds(1));
  EXPECT_EQ(access(token, kReader), "invalid");
  EXPECT_THAT(token.status(now_), ElementsAre(HasSubstr("no token admits anybody: " + mounted_.path())));
}

TEST_F(AuthenticatorTest, StatusNamesTheFileAndNeverASecret) {
  mounted_.mount({{"read", "s3cret"}, {"write", ""}});
  Authenticator token = make(AuthMode::kToken);
  const auto status = token.status(now_);
  EXPECT_THAT(status,
              ElementsAre(mounted_.path("read") + ": line 1: a token has at least 16 characters, "
                                                  "this one 6",
                          mounted_.path("write") + ": holds no token", HasSubstr("no token admits anybody")));
  for (const std::string& line : status) EXPECT_THAT(line, Not(HasSubstr("s3cret")));
}

TEST_F(AuthenticatorTest, TheFiguresTakeAReadersToken) {
  mounted_.mount({{"read", kReader}, {"write", kWriter}});
  Authenticator token = make(AuthMode::kToken);
  EXPECT_EQ(figures(token, ""), "missing");
  EXPECT_EQ(figures(token, "whatever"), "invalid");
  EXPECT_EQ(figures(token, kReader), "rf");
  EXPECT_EQ(figures(token, kWriter), "forbidden");
}

TEST_F(AuthenticatorTest, PasetoGivesWhatTheScopeSays) {
  mounted_.mount({{"issuer.pub", issuer_.public_key() + "\n"}});
  Authenticator paseto = make(AuthMode::kPaseto);
  for (int round = 0; round < 2; ++round) {  // the second time from memory
    EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read","sub":"agent-7")"))), "r agent-7");
    EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read write")"), "a footer")), "rw");
    EXPECT_EQ(access(paseto, issuer_.token(claims(""))), "");
    EXPECT_EQ(figures(paseto, issuer_.token(claims(""))), "forbidden");
    EXPECT_EQ(figures(paseto, issuer_.token(claims(R"("scope":"read")"))), "rf");
  }
  EXPECT_EQ(access(paseto, ""), "missing");
  EXPECT_THAT(paseto.status(now_), IsEmpty());
}

TEST_F(AuthenticatorTest, PasetoRefusesWhatIsNotGenuineOrNotValidNow) {
  mounted_.mount({{"issuer.pub", issuer_.public_key()}});
  Authenticator paseto = make(AuthMode::kPaseto);
  const std::string good = issuer_.token(claims(R"("scope":"read")"));
  EXPECT_EQ(access(paseto, good), "r");
  for (const std::string& bad :
       {PasetoIssuer(2).token(claims(R"("scope":"read")")), good + "A", good + ".Zg", good.substr(1),
        issuer_.token(R"({"scope":"read"})"), issuer_.token("not json"),
        issuer_.token(claims(""), {}, "an implicit assertion"),
        issuer_.token(claims(R"("nbf":"2026-02-28T12:01:01Z")")),
        issuer_.token(claims(R"("iat":"2026-02-28T12:01:01Z")")),
        issuer_.token(claims("\"x\":\"" + std::string(kMaxPasetoBytes, 'x') + "\"")),
        std::string("v4.public.")}) {
    EXPECT_EQ(access(paseto, bad), "invalid") << bad;
  }
  const std::string old = R"({"exp":"2026-02-28T11:59:00Z"})";
  EXPECT_EQ(access(paseto, issuer_.token(old)), "expired");
  EXPECT_EQ(access(paseto, PasetoIssuer(2).token(old)), "invalid");  // whatever strangers say
}

TEST_F(AuthenticatorTest, PasetoRemembersNoTokenBeyondItsExpiry) {
  mounted_.mount({{"issuer.pub", issuer_.public_key()}});
  Authenticator paseto = make(AuthMode::kPaseto);
  const std::string token = issuer_.token(claims(R"("scope":"write")"));
  EXPECT_EQ(access(paseto, token), "w");
  pass(seconds(359));
  EXPECT_EQ(access(paseto, token), "w");
  pass(seconds(1));
  EXPECT_EQ(access(paseto, token), "expired");
}

TEST_F(AuthenticatorTest, PasetoKeysAreRotatedLive) {
  const PasetoIssuer next(2);
  mounted_.mount({{"issuer.pub", issuer_.public_key_hex()}});
  Authenticator paseto = make(AuthMode::kPaseto);
  const std::string old_token = issuer_.token(claims(R"("scope":"read")"));
  const std::string new_token = next.token(claims(R"("scope":"write")"));
  EXPECT_EQ(access(paseto, old_token), "r");
  EXPECT_EQ(access(paseto, new_token), "invalid");

  mounted_.mount({{"issuer.pub", issuer_.public_key_hex() + "\n"}, {"next", next.public_key()}});
  EXPECT_EQ(access(paseto, new_token), "invalid");
  pass(seconds(1));
  EXPECT_EQ(access(paseto, old_token), "r");
  EXPECT_EQ(access(paseto, new_token), "w");

  mounted_.mount({{"next", next.public_key()}});
  pass(seconds(1));
  EXPECT_EQ(access(paseto, old_token), "invalid");
  EXPECT_EQ(access(paseto, new_token), "w");

  mounted_.mount({});
  pass(seconds(1));
  EXPECT_EQ(access(paseto, new_token), "invalid");
  EXPECT_THAT(paseto.status(now_), ElementsAre(mounted_.path() + " holds no public key"));
}

TEST_F(AuthenticatorTest, PasetoUsesTheKeysThatAreSoundAndReportsTheOthers) {
  mounted_.mount({{"a", "s3cret-rubbish"},
                  {"b", "\n" + PasetoIssuer(2).public_key() + "\n" + issuer_.public_key() + "\n"},
                  {"c", "k4.secret.s3cret"},
                  {"d", std::string(5000, 'x')}});
  std::filesystem::create_directory(mounted_.path("e"));
  Authenticator paseto = make(AuthMode::kPaseto);
  EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read")"))), "r");
  EXPECT_EQ(access(paseto, PasetoIssuer(2).token(claims(R"("scope":"read")"))), "r");
  const auto status = paseto.status(now_);
  EXPECT_THAT(status, ElementsAre(HasSubstr(mounted_.path("a") + ": line 1 is not a public key"),
                                  HasSubstr(mounted_.path("c") + ": line 1 is a secret key"),
                                  HasSubstr(mounted_.path("d") + ": larger than 4096 bytes"),
                                  HasSubstr(mounted_.path("e") + ": not a regular file")));
  for (const std::string& line : status) EXPECT_THAT(line, Not(HasSubstr("s3cret")));
}

TEST_F(AuthenticatorTest, PasetoBoundsItsKeys) {
  std::string keys;
  for (std::uint8_t i = 1; i <= kMaxPublicKeys + 1; ++i) keys += PasetoIssuer(i).public_key() + "\n";
  mounted_.mount({{"keys", keys}});
  Authenticator paseto = make(AuthMode::kPaseto);
  EXPECT_EQ(access(paseto, PasetoIssuer(kMaxPublicKeys).token(claims(R"("scope":"read")"))), "r");
  EXPECT_EQ(access(paseto, PasetoIssuer(kMaxPublicKeys + 1).token(claims(R"("scope":"read")"))), "invalid");
  EXPECT_THAT(paseto.status(now_),
              ElementsAre(HasSubstr("line 17 is one key too many: at most 16 are used")));
}

TEST_F(AuthenticatorTest, PasetoWithoutItsFolderAdmitsNobody) {
  Authenticator paseto({.mode = AuthMode::kPaseto, .dir = mounted_.path("missing")});
  EXPECT_EQ(access(paseto, issuer_.token(claims(R"("scope":"read")"))), "invalid");
  EXPECT_THAT(paseto.status(now_), ElementsAre(AllOf(HasSubstr("cannot list"), HasSubstr("missing"))));
}

// More tokens than are remembered: each is admitted with its own rights, the first ones again at the end.
TEST_F(AuthenticatorTest, PasetoForgetsTokensButNotWhoTheyAre) {
  mounted_.mount({{"issuer.pub", issuer_.public_key()}});
  Authenticator paseto = make(AuthMode::kPaseto);
  std::vector<std::string> tokens;
  for (int i = 0; i < 2100; ++i) {
    tokens.push_back(issuer_.token(claims(R"("scope":"read","sub":")" + std::to_string(i) + "\"")));
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ASSERT_EQ(access(paseto, tokens[i]), "r " + std::to_string(i));
    ASSERT_EQ(access(paseto, tokens[0]), "r 0");
  }
  for (std::size_t i = 0; i < 20; ++i) ASSERT_EQ(access(paseto, tokens[i]), "r " + std::to_string(i));
}

}  // namespace
}  // namespace storagepool::auth
