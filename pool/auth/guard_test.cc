// The guard in front of the routes, as a client of a real server sees it.
#include "pool/auth/auth.h"

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pool/auth/testing/mounted_folder.h"
#include "pool/auth/testing/paseto_issuer.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/http/router.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::auth {
namespace {

using http::testing::Answer;
using http::testing::ask;
using http::testing::LoopbackServer;
using nlohmann::json;
using ::testing::HasSubstr;
using testing::MountedFolder;
using ::testing::Not;

constexpr const char* kReaderToken = "reader-token-0123456789";
constexpr const char* kWriterToken = "writer-token-0123456789";

// As the real routes: validation first, then the right to do it.
boost::asio::awaitable<http::Response> write_something(http::Request& request) {
  if (request.body != "good")
    co_return http::problem(http::ProblemKind::kValidationError, "body", request.path);
  if (!request.access.write) co_return forbidden(request, "write");
  http::Response response;
  response.status = 201;
  co_return response;
}
boost::asio::awaitable<http::Response> numbers(http::Request& request) {
  if (!request.access.figures) co_return refused(request, Refusal::kInvalidToken);
  co_return http::Response{};
}
boost::asio::awaitable<http::Response> fail(http::Request&) {
  throw std::runtime_error("out of luck");
  co_return http::Response{};
}

http::Response other_shape(const http::Request&, Refusal refusal) {
  http::Response response;
  response.status = 401;
  response.body = refusal == Refusal::kMissingHeader ? R"({"error":"none"})" : R"({"error":"bad"})";
  return response;
}

class GuardTest : public ::testing::Test {
 protected:
  explicit GuardTest(AuthMode mode = AuthMode::kToken)
      : authenticator_({.mode = mode, .dir = mounted_.path()}) {
    router_.add("POST", "/things", write_something);
    router_.add("GET", "/numbers", numbers);
    router_.add("GET", "/others", numbers);
    router_.add("GET", "/unguarded", numbers);
    router_.add("GET", "/fail", fail);
    http::Limits limits;
    limits.body_bytes = 1000;
    const OnRefused tell = [this](Refusal refusal) { ++told_.at(static_cast<std::size_t>(refusal)); };
    server_ = std::make_unique<LoopbackServer>(
        limits, telling_of_forbidden(router_.handler(), tell),
        authenticated(authenticator_, {{"/numbers"}, {"/others", other_shape}}, tell));
  }
  // Of what the guard told, the number and the reason of each.
  std::string told() const {
    std::string text;
    for (const Refusal refusal : kRefusals) {
      const int times = told_.at(static_cast<std::size_t>(refusal));
      if (times > 0) text += std::to_string(times) + " " + std::string(to_string(refusal)) + " ";
    }
    return text;
  }
  Answer send(const std::string& line, const std::string& token, const std::string& body = "") const {
    const std::string field = token.empty() ? "" : "Authorization: Bearer " + token + "\r\n";
    return ask(server_->port(), line + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + field +
                                    "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  MountedFolder mounted_{{{"read", kReaderToken}, {"write", kWriterToken}}};
  Authenticator authenticator_;
  http::Router router_;
  std::array<std::atomic<int>, kRefusals.size()> told_{};
  std::unique_ptr<LoopbackServer> server_;
};

class OpenGuardTest : public GuardTest {
 protected:
  OpenGuardTest() : GuardTest(AuthMode::kNone) {}
};

class PasetoGuardTest : public GuardTest {
 protected:
  PasetoGuardTest() : GuardTest(AuthMode::kPaseto) {}
};

TEST_F(GuardTest, ChecksSizeThenTokenThenRequestThenRight) {
  EXPECT_EQ(send("POST /things", "", std::string(1001, 'x')).status, 413U);
  EXPECT_EQ(send("POST /things", "", "bad").status, 401U);
  EXPECT_EQ(send("POST /things", "an-unknown-token-0123", "bad").status, 401U);
  EXPECT_EQ(send("POST /things", kReaderToken, "bad").status, 400U);
  const Answer refusal = send("POST /things", kReaderToken, "good");
  EXPECT_EQ(refusal.status, 403U);
  EXPECT_EQ(refusal.header("www-authenticate"), R"(Bearer error="insufficient_scope", scope="write")");
  EXPECT_EQ(json::parse(refusal.body)["type"], "https://storagepool.dev/problems/forbidden");
  EXPECT_THAT(json::parse(refusal.body)["detail"], HasSubstr("\"write\""));
  EXPECT_EQ(send("POST /things", kWriterToken, "good").status, 201U);
}

TEST_F(GuardTest, ABodyIsNotWaitedForOfWhoIsNotAdmitted) {
  for (const char* token : {"", "Authorization: Bearer an-unknown-token-0123\r\n"}) {
    const Answer refusal =
        ask(server_->port(), "POST /things HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" +
                                 std::string(token) + "Content-Length: 1000\r\n\r\n");
    EXPECT_EQ(refusal.status, 401U);
    EXPECT_EQ(refusal.header("connection"), "close");
  }
}

TEST_F(GuardTest, UnknownPathsAndMethodsAre401WithoutAToken) {
  for (const char* line : {"GET /unknown", "DELETE /things", "OPTIONS /things", "OPTIONS *"}) {
    EXPECT_EQ(send(line, "").status, 401U) << line;
  }
  EXPECT_EQ(send("GET /unknown", kReaderToken).status, 404U);
  EXPECT_EQ(send("DELETE /things", kReaderToken).status, 405U);
}

TEST_F(GuardTest, The401SaysWhichOfThreeThingsIsWrong) {
  const Answer missing = send("GET /things", "");
  EXPECT_EQ(missing.header("content-type"), "application/problem+json");
  EXPECT_EQ(missing.header("www-authenticate"), "Bearer");
  EXPECT_EQ(json::parse(missing.body)["detail"], "Missing Authorization header");
  const Answer malformed = send("GET /things", "two words");
  EXPECT_EQ(malformed.status, 401U);
  EXPECT_EQ(json::parse(malformed.body)["detail"], "Invalid Authorization header format");
  const Answer invalid = send("GET /things", "an-unknown-token-0123");
  EXPECT_EQ(invalid.header("www-authenticate"), R"(Bearer error="invalid_token")");
  EXPECT_EQ(json::parse(invalid.body)["detail"], "Invalid or expired token");
}

TEST_F(GuardTest, AnAdminPathTakesReaders) {
  EXPECT_EQ(send("GET /numbers", kReaderToken).status, 200U);
  const Answer forbidden = send("GET /numbers", kWriterToken);
  EXPECT_EQ(forbidden.status, 403U);
  EXPECT_EQ(json::parse(forbidden.body)["detail"],
            "the token lacks the scope \"read\", which this request needs");
  EXPECT_EQ(send("POST /numbers", "").status, 401U);
  EXPECT_EQ(send("GET /unguarded", kReaderToken).status, 401U);
}

TEST_F(OpenGuardTest, AdminPathsAreNeverOpen) {
  EXPECT_EQ(send("POST /things", "", "good").status, 201U);
  for (const char* path : {"/numbers", "/others", "/unguarded"}) {
    EXPECT_EQ(send("GET " + std::string(path), "").status, 401U) << path;
    EXPECT_EQ(send("GET " + std::string(path), kReaderToken).status, 401U) << path;
  }
  EXPECT_EQ(send("GET /others", "").body, R"({"error":"none"})");
  EXPECT_EQ(send("GET /others", "an-unknown-token-0123").body, R"({"error":"bad"})");
  for (const char* spelled : {"/numbers/", "//numbers", "/%6Eumbers?", "/./numbers", "/numbers;x"}) {
    EXPECT_NE(send("GET " + std::string(spelled), "").status, 200U) << spelled;
  }
}

TEST_F(GuardTest, TellsWhyItRefuses) {
  send("POST /things", kWriterToken, "good");
  send("POST /things", kReaderToken, "bad");
  send("GET /unknown", kReaderToken);
  send("GET /numbers", kReaderToken);
  EXPECT_EQ(told(), "");
  send("GET /unknown", "");
  send("GET /others", "");
  send("POST /things", "two words");
  for (int i = 0; i < 3; ++i) send("POST /things", "an-unknown-token-0123", "good");
  send("POST /things", kReaderToken, "good");  // a route refuses it
  send("GET /numbers", kWriterToken);          // the guard itself does
  EXPECT_EQ(told(), "2 missing 1 malformed 3 invalid 2 forbidden ");
}

TEST_F(OpenGuardTest, TellsOfNobodyItLetsIn) {
  send("POST /things", "", "good");
  send("POST /things", "whatever", "bad");
  EXPECT_EQ(told(), "");
  send("GET /numbers", "");
  EXPECT_EQ(told(), "1 missing ");
}

TEST_F(PasetoGuardTest, TellsExpiredTokensFromThoseOfStrangers) {
  const testing::PasetoIssuer issuer(1);
  mounted_.mount({{"issuer.pub", issuer.public_key()}});
  const std::string expired = R"({"scope":"write","exp":"2020-01-01T00:00:00Z"})";
  EXPECT_EQ(send("POST /things", issuer.token(expired), "good").status, 401U);
  EXPECT_EQ(send("POST /things", testing::PasetoIssuer(2).token(expired), "good").status, 401U);
  EXPECT_EQ(told(), "1 invalid 1 expired ");
}

TEST_F(GuardTest, NoTokenReachesTheLogOrAnAnswer) {
  const std::string paseto = testing::PasetoIssuer(1).token(R"({"exp":"2026-02-28T12:00:00Z"})");
  ::testing::internal::CaptureStderr();
  std::string answers;
  for (const std::string& token : {std::string(kReaderToken), std::string("s3cret-unknown-token"), paseto}) {
    for (const char* line : {"GET /fail", "POST /things", "GET /numbers", "GET /others", "GET /unknown"}) {
      const Answer answer = send(line, token, "bad");
      for (const auto& [name, value] : answer.headers) answers += name + value;
      answers += answer.body;
    }
  }
  server_.reset();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("out of luck"));
  for (const std::string& secret :
       {std::string(kReaderToken), std::string(kWriterToken), std::string("s3cret"), paseto}) {
    EXPECT_THAT(log, Not(HasSubstr(secret)));
    EXPECT_THAT(answers, Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace storagepool::auth
