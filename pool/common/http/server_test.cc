// What a well-behaved client sees.
#include "pool/common/http/server.h"

#include <stdexcept>

#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pool/common/http/router.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using nlohmann::json;
using testing::ask;
using testing::Client;
using testing::echo;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::MatchesRegex;
using ::testing::Not;

json echoed(const testing::Answer& answer) {
  return json::parse(answer.body);
}

TEST(Server, PassesTheRequestOnDecodedAndAnswers) {
  const LoopbackServer server({}, echo);
  const auto answer = ask(server.port(),
                          "POST /a%20b?k=v%26&l HTTP/1.1\r\nHost: h\r\nX-Request-Id: id 1\r\n"
                          "Content-Length: 5\r\n\r\nhello");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.header("x-request-id"), "id 1");
  EXPECT_EQ(answer.header("connection"), "keep-alive");
  EXPECT_THAT(answer.header("date"), HasSubstr(" GMT"));
  const json seen = echoed(answer);
  EXPECT_EQ(seen["method"], "POST");
  EXPECT_EQ(seen["path"], "/a b");
  EXPECT_EQ(seen["query"], json::parse(R"([["k","v&"],["l",""]])"));
  EXPECT_EQ(seen["requestId"], "id 1");
  EXPECT_EQ(seen["body"], "hello");
}

TEST(Server, MakesARequestIdWhereNoneOrABadOneIsGiven) {
  const LoopbackServer server({}, echo);
  for (const std::string& field :
       {std::string(), "X-Request-Id: " + std::string(129, 'x') + "\r\n", std::string("X-Request-Id:\r\n"),
        std::string("X-Request-Id: \xC3\xA9\r\n")}) {
    const auto answer = ask(server.port(), "GET / HTTP/1.1\r\nHost: h\r\n" + field + "\r\n");
    EXPECT_EQ(answer.status, 200U);
    EXPECT_THAT(answer.header("x-request-id"), MatchesRegex("[0-9a-f]{32}"));
    EXPECT_EQ(echoed(answer)["requestId"], answer.header("x-request-id"));
  }
}

TEST(Server, DecodesChunkedBodiesAndIgnoresTrailers) {
  const LoopbackServer server({}, echo);
  const auto seen =
      echoed(ask(server.port(),
                 "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3;ext=\"x\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nAuthorization: Bearer x\r\n\r\n"));
  EXPECT_EQ(seen["body"], "abc0123456789");
  EXPECT_THAT(seen["headers"].dump(), Not(HasSubstr("Bearer")));
}

TEST(Server, LargeBodiesArriveWhole) {
  const LoopbackServer server({}, echo);
  std::string body;
  while (body.size() < 3'000'000) body += std::to_string(body.size()) + ",";
  const auto answer =
      ask(server.port(),
          "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(echoed(answer)["body"], body);
}

TEST(Server, KeepsTheConnectionAsTheClientAsks) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(client.read()->header("connection"), "keep-alive");
  }
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read()->header("connection"), "close");
  EXPECT_FALSE(client.read());
}

TEST(Server, Http10ClosesUnlessAskedToKeep) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.read()->header("connection"), "keep-alive");
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read()->header("connection"), "close");
  EXPECT_FALSE(client.read());
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  const LoopbackServer server({}, echo);
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" +
           std::string(1000, static_cast<char>('a' + i % 26));
  }
  Client client(server.port());
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.read();
    ASSERT_TRUE(answer);
    const json seen = echoed(*answer);
    EXPECT_EQ(seen["path"], "/" + std::to_string(i));
    EXPECT_EQ(seen["body"], std::string(1000, static_cast<char>('a' + i % 26)));
  }
}

TEST(Server, AHalfClosedClientStillGetsItsAnswer) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  client.send("GET /half HTTP/1.1\r\nHost: h\r\n\r\n");
  client.half_close();
  EXPECT_EQ(echoed(*client.read())["path"], "/half");
  EXPECT_FALSE(client.read());
}

TEST(Server, HeadAndOptionsAndUnknownMethods) {
  Router router;
  router.add("GET", "/thing", echo);
  const LoopbackServer server({}, router.handler());
  Client client(server.port());
  client.send("HEAD /thing HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto head = client.read(false);
  EXPECT_EQ(head->status, 200U);
  EXPECT_GT(std::stoul(head->header("content-length")), 10U);
  // Had the body been sent, it would be read as the beginning of the next answer.
  client.send("OPTIONS /thing HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto options = client.read();
  EXPECT_EQ(options->status, 204U);
  EXPECT_EQ(options->header("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(options->header("content-length"), "");
  client.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read()->status, 204U);
  client.send("BREW /thing HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto brew = client.read();
  EXPECT_EQ(brew->status, 405U);
  EXPECT_EQ(brew->header("allow"), "GET, HEAD, OPTIONS");
  client.send("HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read(false)->status, 404U);
  client.send("GET /thing HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read()->status, 200U);
}

TEST(Server, SendsContinueBeforeABodyIsExpected) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n");
  EXPECT_EQ(client.read()->status, 100U);
  client.send("hello");
  EXPECT_EQ(echoed(*client.read())["body"], "hello");
}

TEST(Server, RefusesATooLargeBodyInsteadOfContinue) {
  Limits limits;
  limits.body_bytes = 4;
  const LoopbackServer server(limits, echo);
  EXPECT_EQ(
      ask(server.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
          .status,
      413U);
}

boost::asio::awaitable<Response> throwing(Request& request) {
  if (request.path == "/json") request.body = json::parse(request.body).dump();
  if (request.path == "/int") throw 7;
  throw std::runtime_error("out of luck");
  co_return Response{};
}

TEST(Server, AnExceptionInAHandlerIsA500LoggedWithoutTheBody) {
  ::testing::internal::CaptureStderr();
  {
    const LoopbackServer server({}, throwing);
    for (const char* path : {"/std", "/json", "/int"}) {
      Client client(server.port());
      for (int i = 0; i < 2; ++i) {  // the connection lives on
        client.send("POST " + std::string(path) +
                    " HTTP/1.1\r\nHost: h\r\nX-Request-Id: r1\r\nContent-Length: 6\r\n\r\nsecret");
        const auto answer = client.read();
        EXPECT_EQ(answer->status, 500U);
        EXPECT_EQ(answer->header("content-type"), "application/problem+json");
        EXPECT_EQ(json::parse(answer->body)["instance"], path);
        EXPECT_THAT(answer->body, Not(HasSubstr("luck")));
      }
    }
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(
      log,
      HasSubstr(
          R"("path":"/std","requestId":"r1","traceId":"","exception":"std::runtime_error","error":"out of luck")"));
  EXPECT_THAT(log, HasSubstr(R"("path":"/json")"));
  EXPECT_THAT(log, HasSubstr(R"("path":"/int")"));
  EXPECT_THAT(log, Not(HasSubstr("secret")));
}

boost::asio::awaitable<Response> splitting(Request& request) {
  Response response;
  response.headers.emplace_back("Location", *request.query_value("to"));
  co_return response;
}

TEST(Server, AHandlersHeaderCannotSplitTheResponse) {
  ::testing::internal::CaptureStderr();
  {
    const LoopbackServer server({}, splitting);
    EXPECT_EQ(ask(server.port(), "GET /?to=/x HTTP/1.1\r\nHost: h\r\n\r\n").header("location"), "/x");
    const auto answer = ask(server.port(), "GET /?to=x%0D%0ASet-Cookie:%20a HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(answer.status, 500U);
    EXPECT_EQ(answer.header("set-cookie"), "");
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("a header that cannot be sent"));
}

TEST(Server, SaysWhyItCannotListen) {
  const LoopbackServer other({}, echo);
  boost::asio::io_context loop;
  Server server(loop.get_executor(), {}, echo);
  EXPECT_THAT(server.listen("localhost", 0).error(), HasSubstr("localhost port 0: not an IP address"));
  EXPECT_THAT(server.listen("127.0.0.1", other.port()).error(), HasSubstr("Address already in use"));
  ASSERT_TRUE(server.listen("::1", 0).has_value() || server.listen("127.0.0.1", 0).has_value());
  EXPECT_THAT(server.listen("127.0.0.1", 0).error(), HasSubstr("listening already"));
}

}  // namespace
}  // namespace storagepool::http
