// Coded bodies through a real server: what reaches the handler, what is refused and when, which answers are
// compressed.
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "pool/common/http/testing/coded.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using testing::Answer;
using testing::ask;
using testing::Client;
using testing::decoded;
using testing::echo;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using testing::zstandard;

std::string post(const std::string& coding, const std::string& body, const std::string& fields = {}) {
  return "POST /p HTTP/1.1\r\nHost: h\r\nContent-Encoding: " + coding +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}

std::string detail_of(const Answer& answer) {
  return nlohmann::json::parse(answer.body).at("detail");
}

TEST(ServerCoding, HandlersSeeBodiesAsTheyWereMeant) {
  const LoopbackServer server({}, echo);
  const std::string text(std::size_t{1} << 20, 'x');
  Client client(server.port());
  for (const std::string& body : {std::string("{\"a\": 1}"), text.substr(0, 60'000)}) {
    for (const auto& [coding, coded] : {std::pair{"gzip", gzipped(body)}, std::pair{"x-gzip", gzipped(body)},
                                        std::pair{"zstd", zstandard(body)}, std::pair{"identity", body}}) {
      client.send(post(coding, coded));
      const auto answer = client.read();
      ASSERT_EQ(answer->status, 200U) << coding << answer->body;
      const auto seen = nlohmann::json::parse(answer->body);
      EXPECT_EQ(seen.at("body"), body) << coding;
    }
  }
}

TEST(ServerCoding, OtherCodingsAreRefusedBeforeTheBodyIsSent) {
  const LoopbackServer server({}, echo);
  for (const char* coding : {"br", "gzip, gzip", "deflate"}) {
    const Answer refused =
        ask(server.port(), "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nContent-Encoding: " +
                               std::string(coding) + "\r\n\r\n");
    EXPECT_EQ(refused.status, 415U);
    EXPECT_EQ(refused.header("accept-encoding"), "gzip, zstd");
    EXPECT_EQ(nlohmann::json::parse(refused.body).at("type"),
              "https://storagepool.dev/problems/unsupported-content-encoding");
  }
  EXPECT_EQ(ask(server.port(), "GET / HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\n\r\n").status, 200U);
  EXPECT_EQ(ask(server.port(), post("br", "")).status, 200U);
}

TEST(ServerCoding, MalformedBodiesAreToldAndTheConnectionGoesOn) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  for (const auto& [coding, body, why] :
       {std::tuple{"gzip", std::string("{\"a\": 1}"), "incorrect header check"},
        std::tuple{"gzip", gzipped("text").substr(0, 12), "it ends early"},
        std::tuple{"gzip", gzipped("text") + "x", "ends early"},
        std::tuple{"gzip", gzipped("text") + "garbage", "bytes after its end"},
        std::tuple{"zstd", gzipped("text"), "Unknown frame descriptor"}}) {
    client.send(post(coding, body));
    const auto answer = client.read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 400U);
    EXPECT_THAT(detail_of(*answer),
                HasSubstr("Content-Encoding: the body is not " + std::string(coding) + ": "));
    EXPECT_THAT(detail_of(*answer), HasSubstr(why));
  }
}

TEST(ServerCoding, ABodyCountsAsItIsDecoded) {
  Limits limits;
  limits.body_bytes = 100'000;
  const LoopbackServer server(limits, echo);
  std::string text;
  for (int i = 0; text.size() < 200'000; ++i) text += std::to_string(i * 7919);
  EXPECT_EQ(ask(server.port(), post("gzip", gzipped(text.substr(0, 100'000)))).status, 200U);
  EXPECT_EQ(ask(server.port(), post("zstd", zstandard(text.substr(0, 100'000)))).status, 200U);
  for (const Answer& refused : {ask(server.port(), post("gzip", gzipped(text.substr(0, 100'001)))),
                                ask(server.port(), post("zstd", zstandard(text.substr(0, 100'001))))}) {
    EXPECT_EQ(refused.status, 413U);
    EXPECT_THAT(detail_of(refused), HasSubstr("larger than 100000 bytes once decoded"));
  }
}

TEST(ServerCoding, ABombCostsNoMoreThanTheMemoryThereIs) {
  Limits limits;
  limits.memory_bytes = std::size_t{1} << 20;
  const LoopbackServer server(limits, echo);
  const std::string zeros(std::size_t{64} << 20, '\0');
  for (const std::string& bomb : {post("gzip", gzipped(zeros)), post("zstd", zstandard(zeros))}) {
    const Answer refused = ask(server.port(), bomb);
    EXPECT_THAT(refused.status, ::testing::AnyOf(413U, 503U)) << refused.body;
  }
  // Nothing of it stays reserved.
  EXPECT_EQ(ask(server.port(), post("gzip", gzipped(std::string(1000, 'x')))).status, 200U);
}

TEST(ServerCoding, WhatIsOutOfAllProportionIsRefused) {
  const LoopbackServer server({}, echo);
  const Answer refused = ask(server.port(), post("gzip", gzipped(std::string(std::size_t{1} << 20, '\0'))));
  EXPECT_EQ(refused.status, 413U);
  EXPECT_THAT(detail_of(refused), HasSubstr("more than 200 times its size"));
}

boost::asio::awaitable<Response> page_of(Request& request) {
  Response response;
  response.body.assign(request.path == "/small" ? 100 : std::size_t{1} << 20, 'x');
  if (request.path == "/coded") response.headers.emplace_back("Content-Encoding", "br");
  co_return response;
}

std::string get(const std::string& path, const std::string& accepted, const std::string& method = "GET") {
  return method + " " + path + " HTTP/1.1\r\nHost: h\r\n" +
         (accepted.empty() ? "" : "Accept-Encoding: " + accepted + "\r\n") + "\r\n";
}

TEST(ServerCoding, LargeAnswersAreGzipForWhoAsks) {
  const LoopbackServer server({}, page_of);
  const std::string text(std::size_t{1} << 20, 'x');
  const Answer plain = ask(server.port(), get("/large", ""));
  EXPECT_EQ(plain.body, text);
  EXPECT_EQ(plain.header("content-encoding"), "");
  EXPECT_EQ(plain.header("vary"), "Accept-Encoding");
  EXPECT_EQ(ask(server.port(), get("/large", "gzip;q=0")).header("content-encoding"), "");
  const Answer coded = ask(server.port(), get("/large", "br, gzip;q=0.5"));
  EXPECT_EQ(coded.header("content-encoding"), "gzip");
  EXPECT_EQ(coded.header("vary"), "Accept-Encoding");
  EXPECT_EQ(decoded(Coding::kGzip, coded.body), text);
  Client client(server.port());
  client.send(get("/large", "gzip", "HEAD"));
  auto head = client.read(false)->headers;
  auto same = ask(server.port(), get("/large", "gzip")).headers;
  for (const char* own : {"date", "x-request-id", "server-timing"}) head.erase(own), same.erase(own);
  EXPECT_EQ(head, same);
}

TEST(ServerCoding, SmallAndCodedAnswersStayAsTheyAre) {
  const LoopbackServer server({}, page_of);
  const Answer small = ask(server.port(), get("/small", "gzip"));
  EXPECT_EQ(small.header("content-encoding"), "");
  EXPECT_EQ(small.header("vary"), "");
  const Answer coded = ask(server.port(), get("/coded", "gzip"));
  EXPECT_EQ(coded.header("content-encoding"), "br");
  EXPECT_EQ(coded.body.size(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace storagepool::http
