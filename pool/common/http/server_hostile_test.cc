// What a hostile or broken client sees, and that the server outlives it.
#include <random>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::ask;
using testing::Client;
using testing::echo;
using testing::kGet;
using testing::LoopbackServer;

const std::string kHost = "Host: h\r\n";

struct Malformed {
  std::string request;
  unsigned status;
};

void PrintTo(const Malformed& malformed, std::ostream* out) {
  *out << malformed.request.substr(0, 120);
}

class MalformedRequest : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedRequest, IsAnsweredAsFitsAndTheServerLivesOn) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  client.send(GetParam().request);
  client.half_close();
  const auto answer = client.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, GetParam().status) << answer->body;
  EXPECT_EQ(answer->header("content-type"), "application/problem+json");
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_NE(answer->header("x-request-id"), "");
  EXPECT_EQ(nlohmann::json::parse(answer->body)["status"], GetParam().status);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
}

std::string with(const std::string& fields_and_body) {
  return "POST /p HTTP/1.1\r\n" + kHost + fields_and_body;
}
std::string chunked(const std::string& body) {
  return with("Transfer-Encoding: chunked\r\n\r\n" + body);
}

INSTANTIATE_TEST_SUITE_P(
    Framing, MalformedRequest,
    ::testing::Values(
        Malformed{with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
        Malformed{with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"), 400},
        Malformed{with("Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 400},
        Malformed{with("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"), 400},
        Malformed{with("Content-Length: 3, 3\r\n\r\nabc"), 400},
        Malformed{with("Content-Length: -1\r\n\r\n"), 400},
        Malformed{with("Content-Length: +3\r\n\r\nabc"), 400},
        Malformed{with("Content-Length: 3x\r\n\r\nabc"), 400},
        Malformed{with("Content-Length:\r\n\r\n"), 400},
        Malformed{with("Content-Length: 99999999999999999999999\r\n\r\n"), 400},
        Malformed{with("Content-Length: 18446744073709551615\r\n\r\n"), 413},
        Malformed{with("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501},
        Malformed{with("Transfer-Encoding: gzip\r\n\r\n"), 501},
        Malformed{with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
        Malformed{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Malformed{"GET / HTTP/1.1\r\n\r\n", 400},
        Malformed{"GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n", 400},
        Malformed{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400}));

INSTANTIATE_TEST_SUITE_P(
    Chunks, MalformedRequest,
    ::testing::Values(Malformed{chunked("-1\r\nabc\r\n0\r\n\r\n"), 400}, Malformed{chunked("-\r\n\r\n"), 400},
                      Malformed{chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400}, Malformed{chunked("\r\n\r\n"), 400},
                      Malformed{chunked("zz\r\n"), 400}, Malformed{chunked("FFFFFFFFFFFFFFFFF\r\n"), 400},
                      Malformed{chunked("FFFFFFFFFFFFFFFF\r\n"), 413},
                      Malformed{chunked("7FFFFFFFFFFFFFFF\r\nx"), 413},
                      Malformed{chunked("3\r\nabcdef\r\n0\r\n\r\n"), 400},
                      Malformed{chunked("3\r\nabc\r\n"), 400},
                      Malformed{chunked("3;" + std::string(100'000, 'e') + "\r\nabc"), 400},
                      Malformed{chunked("0\r\nX: " + std::string(100'000, 't') + "\r\n\r\n"), 400}));

INSTANTIATE_TEST_SUITE_P(
    Syntax, MalformedRequest,
    ::testing::Values(Malformed{"GET / HTTP/2.0\r\n" + kHost + "\r\n", 505},
                      Malformed{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
                      Malformed{"GET / HTTP/1.1x\r\n" + kHost + "\r\n", 400},
                      Malformed{"GET / HTTQ/1.1\r\n" + kHost + "\r\n", 400}, Malformed{"GET /\r\n\r\n", 400},
                      Malformed{"GET /\r\n", 400}, Malformed{"GET\r\n\r\n", 400},
                      Malformed{"GET / HTTP/1.1\r\n" + kHost + "X: a\r\n b\r\n\r\n", 400},
                      Malformed{with("Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n"), 400},
                      Malformed{"GET / HTTP/1.1\r\nHost: h\n\r\n", 400}, Malformed{"GET / HTTP/1.1\n\n", 400},
                      Malformed{"\r\n\r\n", 400}, Malformed{"GET  / HTTP/1.1\r\n" + kHost + "\r\n", 400},
                      Malformed{"G\x01T / HTTP/1.1\r\n" + kHost + "\r\n", 400},
                      Malformed{"GET / HTTP/1.1\n" + kHost + "\n", 400},
                      Malformed{"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
                      Malformed{"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
                      Malformed{"GET / HTTP/1.1\r\n" + kHost + "X\r\n\r\n", 400},
                      Malformed{"GET / HTTP/1.1\r\n" + kHost + "X: a\x01\r\n\r\n", 400},
                      Malformed{"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"s, 400},
                      Malformed{"GET / HTTP/1.1\r\n" + kHost + "X: a\rb\r\n\r\n", 400},
                      Malformed{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s, 400},
                      Malformed{"GET / HTTP/1.1\r\nHost: h\r\n", 400},
                      Malformed{with("Content-Length: 10\r\n\r\nabc"), 400},
                      Malformed{"GET /%zz HTTP/1.1\r\n" + kHost + "\r\n", 400},
                      Malformed{"GET /?a=%f HTTP/1.1\r\n" + kHost + "\r\n", 400},
                      Malformed{"GET /%00 HTTP/1.1\r\n" + kHost + "\r\n", 400},
                      Malformed{"GET nowhere HTTP/1.1\r\n" + kHost + "\r\n", 400},
                      Malformed{"CONNECT h:443 HTTP/1.1\r\n" + kHost + "\r\n", 400}));

TEST(Hostile, UpgradesAndOtherExpectationsAreIgnored) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  client.send(
      "GET /first HTTP/1.1\r\n" + kHost +
      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, websocket\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
  const auto answer = client.read();
  EXPECT_EQ(answer->status, 200U);
  EXPECT_EQ(answer->header("connection"), "keep-alive");
  EXPECT_EQ(answer->header("upgrade"), "");
  client.send(with("Content-Length: 1\r\nExpect: 200-ok\r\n\r\nx"));
  EXPECT_EQ(nlohmann::json::parse(client.read()->body)["body"], "x");
}

TEST(Hostile, AbsoluteTargetsNameTheirPathAndTheHostHeaderStillCounts) {
  const LoopbackServer server({}, echo);
  const auto answer = ask(server.port(), "GET http://other:99/a?b=c HTTP/1.1\r\n" + kHost + "\r\n");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(nlohmann::json::parse(answer.body)["path"], "/a");
  EXPECT_EQ(ask(server.port(), "GET http://other/ HTTP/1.1\r\n\r\n").status, 400U);
}

TEST(Hostile, AMalformedRequestEndsThePipelineAtOnce) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  client.send(std::string(kGet) + with("Content-Length: 1\r\nContent-Length: 2\r\n\r\n") + kGet);
  EXPECT_EQ(client.read()->status, 200U);
  EXPECT_EQ(client.read()->status, 400U);
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(Hostile, ClientsThatVanishAtAnyMoment) {
  const LoopbackServer server({}, echo);
  const std::string request = with("Content-Length: 20000\r\n\r\n" + std::string(20000, 'x'));
  for (std::size_t sent = 0; sent <= request.size(); sent += sent < 100 ? 7 : 5000) {
    Client reset(server.port());
    reset.send(request.substr(0, sent));
    reset.reset();
    Client closed(server.port());
    closed.send(request.substr(0, sent));
  }
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
}

boost::asio::awaitable<Response> huge(Request& request) {
  Response response;
  if (request.path == "/huge") response.body.assign(std::size_t{16} << 20, 'x');
  co_return response;
}

TEST(Hostile, AbortsInTheMiddleOfAResponse) {
  LoopbackServer server({}, huge);
  for (int i = 0; i < 10; ++i) {
    Client client(server.port());
    client.send("GET /huge HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(client.readable(60s));
    client.reset();
  }
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
  EXPECT_TRUE(server.drain(60s));  // nothing of the aborted ones is left
}

TEST(Hostile, AFloodOfConnectionsClosesItsOwnAndIsForgotten) {
  Limits limits;
  limits.max_connections = 4;
  LoopbackServer server(limits, echo);
  {
    std::vector<std::unique_ptr<Client>> flood;
    for (int i = 0; i < 300; ++i) {
      flood.push_back(std::make_unique<Client>(server.port()));
      flood.back()->send(kGet);
    }
    int served = 0;
    for (const auto& client : flood) {
      const auto answer = client->read();
      if (!answer) continue;  // closed for a later one
      EXPECT_THAT(answer->status, ::testing::AnyOf(200U, 503U));
      if (answer->status == 200) ++served;
    }
    EXPECT_GE(served, 4);
  }
  EXPECT_TRUE(testing::eventually([&] {
    Client client(server.port());
    client.send(kGet);
    const auto answer = client.read();
    return answer && answer->status == 200;
  }));
  EXPECT_TRUE(server.drain(60s));
}

TEST(Hostile, MutatedRequestsNeverHarmTheServer) {
  const LoopbackServer server({}, echo);
  const std::vector<std::string> seeds = {
      kGet, with("Content-Length: 5\r\nX-Request-Id: abc\r\nExpect: 100-continue\r\n\r\nhello"),
      chunked("3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n"),
      "OPTIONS * HTTP/1.1\r\n" + kHost + "Connection: close, x\r\n\r\n"};
  std::mt19937 random(20240229);  // NOLINT(cert-msc51-cpp): the same requests in every run
  const std::string alphabet = "\0\r\n :;,%/?-0123fF\x7f\xff"s;
  for (int round = 0; round < 400; ++round) {
    std::string request = seeds[random() % seeds.size()];
    for (unsigned edits = random() % 4 + 1; edits > 0; --edits) {
      const std::size_t at = random() % request.size();
      const char byte = alphabet[random() % alphabet.size()];
      if (random() % 3 == 0) {
        request.erase(at, random() % 3 + 1);
      } else if (random() % 2 == 0) {
        request[at] = byte;
      } else {
        request.insert(at, 1, byte);
      }
    }
    Client client(server.port());
    client.send(request);
    client.half_close();
    const std::string answer = client.read_to_end();
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << answer;
  }
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
}

}  // namespace
}  // namespace storagepool::http
