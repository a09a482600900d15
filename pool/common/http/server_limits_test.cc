// The observable effect of every field of Limits.
#include <memory>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::ask;
using testing::Barrier;
using testing::Client;
using testing::echo;
using ::testing::HasSubstr;
using testing::held_by;
using testing::kGet;
using testing::LoopbackServer;

std::string post(std::size_t size) {
  return "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
         std::string(size, 'x');
}

std::string detail(const Answer& answer) {
  return nlohmann::json::parse(answer.body)["detail"];
}

TEST(Limits, HeaderBytes) {
  Limits limits;
  limits.header_bytes = 300;
  const LoopbackServer server(limits, echo);
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: r1\r\nX-Pad: ";
  const std::string at_limit = start + std::string(limits.header_bytes - start.size() - 4, 'x') + "\r\n\r\n";
  ASSERT_EQ(at_limit.size(), limits.header_bytes);
  EXPECT_EQ(ask(server.port(), at_limit).status, 200U);

  std::string over = at_limit;
  over.insert(start.size(), "x");
  const Answer refused = ask(server.port(), over);
  EXPECT_EQ(refused.status, 431U);
  EXPECT_EQ(refused.header("connection"), "close");
  EXPECT_EQ(refused.header("x-request-id"), "r1");
  EXPECT_THAT(detail(refused), HasSubstr("larger than 300 bytes"));
  EXPECT_EQ(ask(server.port(), "GET /" + std::string(100'000, 'a')).status, 431U);
  EXPECT_EQ(ask(server.port(), "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(1'000'000, 'a')).status,
            431U);
}

TEST(Limits, HeaderBytesOfTheDefaultAreAllUsable) {
  const LoopbackServer server({}, echo);
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nX-Pad: ";
  const std::string pad(Limits().header_bytes - start.size() - 4, 'x');
  EXPECT_EQ(ask(server.port(), start + pad + "\r\n\r\n").status, 200U);
  EXPECT_EQ(ask(server.port(), start + pad + "x\r\n\r\n").status, 431U);
}

TEST(Limits, BodyBytesWithContentLength) {
  Limits limits;
  limits.body_bytes = 10'000;
  const LoopbackServer server(limits, echo);
  EXPECT_EQ(ask(server.port(), post(10'000)).status, 200U);
  const Answer refused = ask(server.port(), post(10'001));
  EXPECT_EQ(refused.status, 413U);
  EXPECT_EQ(refused.header("connection"), "close");
  EXPECT_EQ(nlohmann::json::parse(refused.body)["instance"], "/p");
  EXPECT_THAT(detail(refused), HasSubstr("larger than 10000 bytes"));
}

TEST(Limits, BodyBytesChunked) {
  Limits limits;
  limits.body_bytes = 10'000;
  const LoopbackServer server(limits, echo);
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string chunks;
  for (int i = 0; i < 10; ++i) chunks += "3E8\r\n" + std::string(1000, 'x') + "\r\n";
  EXPECT_EQ(ask(server.port(), start + chunks + "0\r\n\r\n").status, 200U);
  EXPECT_EQ(ask(server.port(), start + chunks + "1\r\nx\r\n0\r\n\r\n").status, 413U);
}

TEST(Limits, ATooLargeBodyIsAnsweredWhileTheClientStillSends) {
  const LoopbackServer server({}, echo);
  EXPECT_EQ(ask(server.port(), post(20'000'000)).status, 413U);
}

TEST(Limits, AClientThatNeverStopsSendingIsCut) {
  Limits limits;
  limits.body_bytes = 10;
  const LoopbackServer server(limits, echo);
  Client client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\n");
  const std::string junk(1'000'000, 'x');
  EXPECT_TRUE(testing::eventually([&] { return !client.send(junk); }));
}

TEST(Limits, MemoryBytesOfAllConnections) {
  Limits limits;
  limits.memory_bytes = 1500;  // of which one address has 1200
  const auto barrier = std::make_shared<Barrier>();
  const LoopbackServer server(limits, held_by(barrier, "/held"));
  Client holder(server.port());
  holder.send("POST /held HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n" + std::string(600, 'x'));
  ASSERT_TRUE(testing::eventually([&] { return barrier->waiting == 1; }));

  EXPECT_EQ(ask(server.port(), post(100)).status, 200U);
  const Answer refused = ask(server.port(), post(900));
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.header("retry-after"), "1");
  barrier->open = true;
  EXPECT_EQ(holder.read()->status, 200U);
  EXPECT_TRUE(testing::eventually([&] { return ask(server.port(), post(900)).status == 200U; }));
}

TEST(Limits, TheLongestIdleConnectionMakesRoomForANewOne) {
  Limits limits;
  limits.max_connections = 2;
  const auto barrier = std::make_shared<Barrier>();
  const LoopbackServer server(limits, held_by(barrier, "/p"));
  Client busy(server.port());
  busy.send(post(10));
  ASSERT_TRUE(testing::eventually([&] { return barrier->waiting == 1; }));
  Client idle(server.port());
  idle.send(kGet);
  ASSERT_EQ(idle.read()->status, 200U);
  Client half(server.port());
  half.send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(idle.read_to_end(), "") << "it has sent nothing for the longest";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(server.port(), kGet).status, 200U);
  EXPECT_EQ(half.read_to_end(), "") << "a request that does not end is none";

  Client second(server.port());
  second.send(post(10));
  ASSERT_TRUE(testing::eventually([&] { return barrier->waiting == 2; }));
  EXPECT_EQ(ask(server.port(), kGet).status, 503U) << "both are owed an answer";
  barrier->open = true;
  for (Client* client : {&busy, &second}) EXPECT_EQ(client->read()->status, 200U);
}

TEST(Limits, MaxConnections) {
  Limits limits;
  limits.max_connections = 2;
  const auto barrier = std::make_shared<Barrier>();
  const LoopbackServer server(limits, held_by(barrier, "/p"));
  Client first(server.port());
  Client second(server.port());
  for (Client* client : {&first, &second}) client->send(post(10));
  ASSERT_TRUE(testing::eventually([&] { return barrier->waiting == 2; }));
  ::testing::internal::CaptureStderr();
  const Answer refused = ask(server.port(), kGet);
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.header("retry-after"), "1");
  EXPECT_EQ(refused.header("x-request-id").size(), 32U);
  EXPECT_EQ(refused.header("connection"), "close");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr(R"("maxConnections":2)"));

  barrier->open = true;
  for (Client* client : {&first, &second}) EXPECT_EQ(client->read()->status, 200U);
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
}

TEST(Limits, HeaderTimeout) {
  Limits limits;
  limits.header_timeout = 50ms;
  const LoopbackServer server(limits, echo);
  const Answer late = ask(server.port(), "GET /slow HTTP/1.1\r\nHost: h\r\n");
  EXPECT_EQ(late.status, 408U);
  EXPECT_EQ(late.header("connection"), "close");
  EXPECT_THAT(detail(late), HasSubstr("header was not complete within 50 ms"));
}

TEST(Limits, HeaderTimeoutIsForTheWholeHeaderNotForEachByte) {
  Limits limits;
  limits.header_timeout = 200ms;
  const LoopbackServer server(limits, echo);
  Client client(server.port());
  client.send("GET /slow HTTP/1.1\r\nX: ");
  // A byte every few milliseconds, until an answer comes; the header's own bound is far away.
  bool sent = true;
  for (int i = 0; i < 10'000 && sent && !client.readable(5ms); ++i) sent = client.send("x");
  EXPECT_EQ(client.read()->status, 408U);
}

TEST(Limits, ASilentNewConnectionIsClosedAfterTheHeaderTimeout) {
  Limits limits;
  limits.header_timeout = 50ms;
  const LoopbackServer server(limits, echo);
  Client client(server.port());
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(Limits, SilenceInABody) {
  Limits limits;
  limits.pace.silence = 50ms;
  const LoopbackServer server(limits, echo);
  for (const char* framing : {"Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nab"}) {
    const Answer late =
        ask(server.port(), std::string("POST /p HTTP/1.1\r\nHost: h\r\nX-Request-Id: r1\r\n") + framing);
    EXPECT_EQ(late.status, 408U);
    EXPECT_EQ(late.header("x-request-id"), "r1");
    EXPECT_THAT(detail(late), HasSubstr("nothing for 50 ms, or less than 1024 bytes a second"));
  }
}

TEST(Limits, KeepAliveTimeout) {
  Limits limits;
  const auto expect_kept = [](Client& client, const char* timeout) {
    client.send(kGet);
    const auto answer = client.read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header("connection"), "keep-alive");
    EXPECT_EQ(answer->header("keep-alive"), timeout);
  };
  limits.keep_alive_timeout = 60s;
  const LoopbackServer patient(limits, echo);
  Client again(patient.port());
  for (int i = 0; i < 2; ++i) expect_kept(again, "timeout=60");
  limits.keep_alive_timeout = 1s;
  limits.keep_alive_grace = 10ms;
  const LoopbackServer server(limits, echo);
  Client client(server.port());
  expect_kept(client, "timeout=1");
  const auto told = std::chrono::steady_clock::now();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_GE(std::chrono::steady_clock::now() - told, 1s - 1ms);  // the answer may come before its wait begins
}

TEST(Limits, AnAnswerThatClosesTellsNoKeepAlive) {
  const LoopbackServer server({}, echo);
  const Answer last = ask(server.port(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(last.header("connection"), "close");
  EXPECT_EQ(last.header("keep-alive"), "");
}

boost::asio::awaitable<Response> huge_answer(Request&) {
  Response response;
  response.body.assign(std::size_t{64} << 20, 'x');
  co_return response;
}

TEST(Limits, SilenceInAnAnswer) {
  Limits limits;
  limits.pace.silence = 50ms;
  LoopbackServer server(limits, huge_answer);
  Client client(server.port());
  client.send(kGet);
  ASSERT_TRUE(client.readable(60s));  // the answer is on its way, and the client reads nothing of it
  EXPECT_TRUE(server.drain(60s));     // the connection ended by itself
  EXPECT_LT(client.read_to_end().size(), 64U * 1024 * 1024);
}

TEST(Limits, RequestsPerSecondAndBurst) {
  Limits limits;
  limits.requests_per_second = 0.001;
  limits.burst = 3;
  const LoopbackServer server(limits, echo);
  Client client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    EXPECT_EQ(client.read()->status, 200U);
  }
  EXPECT_EQ(server.rate_limited(), 0U);
  // The connection is kept where the rest of the request is there already.
  for (const std::string& request : {std::string(kGet), post(1000), std::string(kGet)}) {
    client.send(request);
    const auto refused = client.read();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 429U);
    EXPECT_EQ(refused->header("connection"), "keep-alive");
    EXPECT_EQ(refused->header("content-type"), "application/problem+json");
    const std::string retry_after = refused->header("retry-after");
    EXPECT_GT(std::stoi(retry_after), 1);
    EXPECT_LE(std::stoi(retry_after), 1000);
    EXPECT_THAT(detail(*refused), HasSubstr("try again in " + retry_after + " s"));
  }
  EXPECT_EQ(ask(server.port(), kGet).status, 429U);  // a new connection is the same client
  EXPECT_EQ(server.rate_limited(), 4U);
}

TEST(Limits, ARequestOverTheRateIsRefusedBeforeItsBodyIsRead) {
  Limits limits;
  limits.requests_per_second = 0.001;
  const LoopbackServer server(limits, echo);
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
  for (const char* body : {"Content-Length: 1000\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n",
                           "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"}) {
    const Answer refused = ask(server.port(), std::string("POST /p HTTP/1.1\r\nHost: h\r\n") + body);
    EXPECT_EQ(refused.status, 429U);
    EXPECT_EQ(refused.header("connection"), "close");
  }
}

TEST(Limits, TheRateIsPerClientAddress) {
  Limits limits;
  limits.requests_per_second = 0.001;
  const LoopbackServer server(limits, echo);
  for (const char* from : {"127.0.0.1", "127.0.0.2"}) {
    for (const unsigned status : {200U, 429U}) {
      Client client(server.port(), from);
      client.send(kGet);
      EXPECT_EQ(client.read()->status, status) << from;
    }
  }
}

TEST(Limits, NoRateIsTheDefault) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  std::string many;
  for (int i = 0; i < 300; ++i) many += kGet;
  client.send(many);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(client.read()->status, 200U);
}

}  // namespace
}  // namespace storagepool::http
