// The gate: who is turned away by the head alone, before the body is read.
#include <stdexcept>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pool/common/http/message/problem.h"
#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using testing::Answer;
using testing::ask;
using testing::Client;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;

constexpr std::size_t kBodyBytes = 1000;

Limits limits() {
  Limits limits;
  limits.body_bytes = kBodyBytes;
  return limits;
}

// Lets in who says who he is.
std::optional<Response> names_only(Request& head) {
  if (!head.body.empty()) throw std::logic_error("a body at the gate");
  const auto name = head.header("X-Name");
  if (!name) return problem(ProblemKind::kUnauthorized, "no name", head.path);
  head.access.subject = *name;
  return std::nullopt;
}

boost::asio::awaitable<Response> greet(Request& request) {
  Response response;
  response.body = request.access.subject + " sent " + std::to_string(request.body.size());
  co_return response;
}

std::string head(const std::string& fields) {
  return "POST /p HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

TEST(ServerGate, WhoPassesIsKnownToTheHandler) {
  const LoopbackServer server(limits(), greet, names_only);
  EXPECT_EQ(ask(server.port(), head("X-Name: ada\r\nContent-Length: 3\r\n") + "abc").body, "ada sent 3");
  const Answer chunked =
      ask(server.port(), head("X-Name: ada\r\nTransfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.body, "ada sent 3");
}

TEST(ServerGate, WhoDoesNotIsAnsweredBeforeTheBodyIsThere) {
  const LoopbackServer server(limits(), greet, names_only);
  for (const char* body : {"Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n",
                           "Content-Length: 10\r\nExpect: 100-continue\r\n"}) {
    const Answer refused = ask(server.port(), head(body));
    EXPECT_EQ(refused.status, 401U) << body;
    EXPECT_EQ(refused.header("connection"), "close") << body;
    EXPECT_EQ(refused.header("x-request-id").size(), 32U);
  }
}

TEST(ServerGate, AContinueIsSentOnlyToWhoPasses) {
  const LoopbackServer server(limits(), greet, names_only);
  Client client(server.port());
  client.send(head("X-Name: ada\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read()->status, 100U);
  client.send("abc");
  EXPECT_EQ(client.read()->body, "ada sent 3");
}

TEST(ServerGate, TheConnectionGoesOnWhereTheBodyIsThereAlready) {
  const LoopbackServer server(limits(), greet, names_only);
  Client client(server.port());
  const std::string small = head("Content-Length: 500\r\n") + std::string(500, 'x');
  for (const std::string& request :
       {small, small + head("X-Name: ada\r\n"), head(""), head("X-Name: bob\r\n")}) {
    client.send(request);
  }
  for (const char* body : {"", "", "ada sent 0", "", "bob sent 0"}) {
    const auto answer = client.read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header("connection"), "keep-alive");
    EXPECT_EQ(answer->status, *body == 0 ? 401U : 200U);
    EXPECT_THAT(answer->body, HasSubstr(body));
  }
}

TEST(ServerGate, AnAnnouncedSizeIsJudgedBeforeAndTheRateAfter) {
  Limits slow = limits();
  slow.requests_per_second = 0.001;
  const LoopbackServer server(slow, greet, names_only);
  const std::string too_large = "Content-Length: 1001\r\n";
  EXPECT_EQ(ask(server.port(), head(too_large)).status, 413U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(server.port(), head("")).status, 401U);
  EXPECT_EQ(ask(server.port(), head("X-Name: ada\r\n")).status, 200U);
  EXPECT_EQ(ask(server.port(), head("X-Name: ada\r\n")).status, 429U);
  EXPECT_EQ(ask(server.port(), head("")).status, 401U);
  EXPECT_EQ(server.rate_limited(), 1U);
}

TEST(ServerGate, AHeadWithoutBodyIsRefusedWithoutOne) {
  const LoopbackServer server(limits(), greet, names_only);
  Client client(server.port());
  client.send("HEAD /p HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read(false)->status, 401U);
  client.send(head("X-Name: ada\r\n"));
  EXPECT_EQ(client.read()->body, "ada sent 0");
}

TEST(ServerGate, AFaultOfTheGateIsA500AndNobodyPasses) {
  const Gate faulty = [](Request& request) -> std::optional<Response> {
    if (request.path != "/p") throw std::runtime_error("out of luck");
    Response splitting;
    splitting.headers.emplace_back("X", "a\r\nb: c");
    return splitting;
  };
  ::testing::internal::CaptureStderr();
  {
    const LoopbackServer server(limits(), greet, faulty);
    for (const char* path : {"/p", "/q"}) {
      const Answer answer = ask(server.port(), "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n");
      EXPECT_EQ(answer.status, 500U);
      EXPECT_THAT(answer.body, Not(HasSubstr("luck")));
    }
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("out of luck"));
}

}  // namespace
}  // namespace storagepool::http
