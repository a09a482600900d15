#include "pool/auth/tokens/token_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "pool/auth/testing/mounted_folder.h"

namespace storagepool::auth {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MountedFolder;
using ::testing::Not;

constexpr const char* kFirst = "first-token-0123456789";
constexpr const char* kSecond = "second-token-0123456789";
constexpr const char* kSixteen = "0123456789abcdef";

class TokenFileTest : public ::testing::Test {
 protected:
  bool holds(std::string_view token) { return file_.holds(digest_of(token), now_); }
  void later() { now_ += seconds(1); }

  MountedFolder folder_{{{"token", std::string(kFirst) + "\n"}}};
  TokenFile file_{folder_.path("token"), seconds(1)};
  std::chrono::steady_clock::time_point now_{};
};

std::vector<TokenDigest> digests_of(const Tokens& tokens) {
  std::vector<TokenDigest> digests;
  for (const Token& token : tokens.tokens) digests.push_back(token.digest);
  return digests;
}

TEST(ParseTokens, OnePerLineWithoutTheBlanksAround) {
  const Tokens tokens =
      parse_tokens(std::string("\n") + kFirst + "\r\n\n \t" + kSecond + " \n  \n" + kSixteen);
  EXPECT_THAT(digests_of(tokens), ElementsAre(digest_of(kFirst), digest_of(kSecond), digest_of(kSixteen)));
  EXPECT_THAT(tokens.problems, IsEmpty());
}

TEST(ParseTokens, ReportsWhatIsNoTokenByItsLineOnly) {
  const Tokens tokens = parse_tokens(std::string(kFirst) +
                                     "\nshort-s3cret\ntwo words in-one-l1ne\nnon-ascii-\xC3\xA9-s3cret-0\n");
  EXPECT_THAT(digests_of(tokens), ElementsAre(digest_of(kFirst)));
  EXPECT_THAT(tokens.problems, ElementsAre("line 2: a token has at least 16 characters, this one 12",
                                           "line 3: a token consists of visible ASCII characters only",
                                           "line 4: a token consists of visible ASCII characters only"));
}

TEST(ParseTokens, NothingIsAProblemToo) {
  for (const char* text : {"", "\n", " \r\n\t\n"}) {
    const Tokens tokens = parse_tokens(text);
    EXPECT_THAT(digests_of(tokens), IsEmpty());
    EXPECT_THAT(tokens.problems, ElementsAre("holds no token"));
  }
}

// Whose the only token of the text is and what it gives, or what is wrong with its only line.
std::string named(const std::string& line) {
  const Tokens tokens = parse_named_tokens(line);
  if (tokens.tokens.size() + tokens.problems.size() != 1) return "none or many";
  if (!tokens.problems.empty()) return tokens.problems.front();
  const http::Access& access = tokens.tokens.front().access;
  EXPECT_EQ(tokens.tokens.front().digest, digest_of(kFirst));
  EXPECT_TRUE(access.known);
  EXPECT_FALSE(access.figures);
  std::string text = access.subject + " " + (access.read ? "r" : "") + (access.write ? "w" : "") +
                     (access.admin ? "a" : "") + (access.sensitive ? "s" : "");
  if (!access.workspaces) return text;
  for (const std::string& place : *access.workspaces) text += " " + place;
  return text;
}

TEST(ParseNamedTokens, SayWhoseTheyAreAndWhatTheyGive) {
  const std::string token = kFirst;
  EXPECT_EQ(named(token + " team-a:read"), "team-a r");
  EXPECT_EQ(named(token + " \tteam-a:write,read,admin,sensitive"), "team-a rwas");
  EXPECT_EQ(named(token + " ops@example.org:read:team-a"), "ops@example.org r team-a");
  EXPECT_EQ(named(token + " x:read,write:team-a,dev-*,_system\r\n"), "x rw team-a dev-* _system");
}

TEST(ParseNamedTokens, ReportWhatIsAmissByItsLineOnly) {
  const std::string token = kFirst;
  for (const char* bad : {"", " ", " :read", " two words:read", " caf\xC3\xA9:read"}) {
    EXPECT_EQ(named(token + bad),
              "line 1: a token is followed by a blank and NAME:SCOPES or NAME:SCOPES:WORKSPACES")
        << bad;
  }
  for (const char* bad :
       {" a", " a:", " a::team-a", " a:root", " a:read,,write", " a:read write", " a:Read"}) {
    EXPECT_EQ(named(token + bad),
              "line 1: the scopes are read, write, admin, hold, sensitive, verify and export, "
              "separated by commas")
        << bad;
  }
  std::string many = " a:read:";
  for (int i = 0; i < 65; ++i) many += "w,";
  for (const std::string& bad :
       {std::string(" a:read:"), std::string(" a:read:A"), std::string(" a:read:b,,c"),
        std::string(" a:read:b:c"), std::string(" a:read:b c"), many}) {
    EXPECT_EQ(named(token + bad),
              "line 1: the workspaces are names, globs or _system, separated by commas, 64 at most")
        << bad;
  }
  EXPECT_EQ(named("short a:read"), "line 1: a token has at least 16 characters, this one 5");
  EXPECT_EQ(named(token + " " + std::string(256, 'n') + ":read").substr(0, 26), "line 1: a token is followe");
  EXPECT_THAT(parse_named_tokens("").problems, ElementsAre("holds no token"));
}

TEST(NamedTokenFile, TellsWhatEachGivesAndTheLastLineOfATokenCounts) {
  const MountedFolder folder(
      {{"tokens", std::string(kFirst) + " a:read\n" + kSecond + " b:write\n" + kFirst + " c:admin\n"}});
  TokenFile file = TokenFile::named(folder.path("tokens"), seconds(1));
  EXPECT_EQ(file.find(digest_of(kFirst), {})->subject, "c");
  EXPECT_FALSE(file.find(digest_of(kFirst), {})->read);
  EXPECT_EQ(file.find(digest_of(kSecond), {})->subject, "b");
  EXPECT_FALSE(file.find(digest_of(kSixteen), {}));
  EXPECT_EQ(file.size({}), 3U);
}

TEST(Digest, IsSha256) {
  const TokenDigest digest = digest_of("abc");  // FIPS 180-4's example
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[1], 0x78);
  EXPECT_EQ(digest[31], 0xad);
  TokenDigest other = digest;
  EXPECT_TRUE(same(digest, other));
  other[31] ^= 1;
  EXPECT_FALSE(same(digest, other));
}

TEST_F(TokenFileTest, HoldsItsTokensAndNothingElse) {
  EXPECT_TRUE(holds(kFirst));
  for (const std::string& other : {std::string(), std::string(kFirst) + "\n", std::string(kFirst) + "0",
                                   std::string(kFirst).substr(1), std::string(kSecond)}) {
    EXPECT_FALSE(holds(other)) << other;
  }
  EXPECT_EQ(file_.size(now_), 1U);
  EXPECT_THAT(file_.problems(now_), IsEmpty());
}

TEST_F(TokenFileTest, TheOldAndTheNewTokenOverlapInARotation) {
  EXPECT_TRUE(holds(kFirst));
  folder_.mount({{"token", std::string(kFirst) + "\n" + kSecond + "\n"}});
  later();
  EXPECT_TRUE(holds(kFirst));
  EXPECT_TRUE(holds(kSecond));
  folder_.mount({{"token", kSecond}});
  later();
  EXPECT_FALSE(holds(kFirst));
  EXPECT_TRUE(holds(kSecond));
}

TEST_F(TokenFileTest, IsReadAnewNoSoonerThanTheTimeGiven) {
  EXPECT_TRUE(holds(kFirst));
  folder_.mount({{"token", kSecond}});
  now_ += milliseconds(999);
  EXPECT_TRUE(holds(kFirst));
  EXPECT_FALSE(holds(kSecond));
  now_ += milliseconds(1);
  EXPECT_FALSE(holds(kFirst));
  EXPECT_TRUE(holds(kSecond));
}

TEST_F(TokenFileTest, IsReadEveryTimeWhereNoTimeIsGiven) {
  TokenFile eager(folder_.path("token"), seconds(0));
  EXPECT_TRUE(eager.holds(digest_of(kFirst), now_));
  folder_.mount({{"token", kSecond}});
  EXPECT_FALSE(eager.holds(digest_of(kFirst), now_));
}

TEST_F(TokenFileTest, AFileThatIsGoneEmptyOrTooLargeAdmitsNobodyAndSaysSo) {
  EXPECT_TRUE(file_.exists());
  const auto problem_with = [&](const MountedFolder::Files& files) {
    EXPECT_TRUE(holds(kFirst));
    folder_.mount(files);
    later();
    EXPECT_FALSE(holds(kFirst));
    EXPECT_FALSE(holds(""));
    EXPECT_EQ(file_.size(now_), 0U);
    const auto problems = file_.problems(now_);
    folder_.mount({{"token", kFirst}});
    later();
    return problems.empty() ? "none" : problems.front();
  };
  const std::string path = folder_.path("token");
  EXPECT_EQ(problem_with({}), "cannot read " + path + ": No such file or directory");
  EXPECT_EQ(problem_with({{"token", ""}}), path + ": holds no token");
  EXPECT_EQ(problem_with({{"token", kFirst + std::string(kMaxTokenFileBytes, '\n')}}),
            "cannot read " + path + ": larger than 8192 bytes");
  folder_.mount({});
  EXPECT_FALSE(file_.exists());
}

TEST_F(TokenFileTest, AFolderOrALinkToNowhereInItsPlaceIsReported) {
  std::filesystem::remove(folder_.path("token"));
  std::filesystem::create_directory(folder_.path("token"));
  EXPECT_FALSE(holds(kFirst));
  EXPECT_THAT(file_.problems(now_), ElementsAre(HasSubstr("not a regular file")));
  std::filesystem::remove(folder_.path("token"));
  std::filesystem::create_symlink("nowhere", folder_.path("token"));
  later();
  EXPECT_FALSE(holds(kFirst));
  EXPECT_THAT(file_.problems(now_), ElementsAre(HasSubstr("No such file")));
}

TEST_F(TokenFileTest, NoProblemRepeatsASecret) {
  folder_.mount({{"token", "s3cret\nan0ther s3cret with-blanks\n"}});
  for (const std::string& problem : file_.problems(now_)) EXPECT_THAT(problem, Not(HasSubstr("s3cret")));
  EXPECT_EQ(file_.problems(now_).size(), 2U);
}

}  // namespace
}  // namespace storagepool::auth
