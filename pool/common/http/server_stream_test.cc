// Answers whose size is not known when they begin.
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>

#include "pool/common/http/exchange.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::Client;
using ::testing::EndsWith;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kGet;
using testing::LoopbackServer;
using ::testing::Not;

// Sends a piece of each number up to `last`, and waits before each until `allowed` reaches it.
struct Numbers {
  int last = 3;
  int throws_at = 0;
  std::size_t bytes = 0;  // of each piece besides its number
  std::atomic<int> allowed{1'000'000};
  std::atomic<int> asked{0};

  Handler handler() {
    return [this](Request& request) -> awaitable<Response> {
      const auto next = std::make_shared<int>(0);
      Response response;
      response.content_type = "text/plain";
      response.more = [this, next, &request]() -> awaitable<std::optional<std::string>> {
        asked = ++*next;
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
        while (allowed < *next && *next <= last) {
          timer.expires_after(1ms);
          co_await timer.async_wait(boost::asio::use_awaitable);
        }
        if (*next == throws_at) throw std::runtime_error("no more");
        if (*next > last) co_return std::nullopt;
        std::string piece = std::to_string(*next) + "\n" + std::string(bytes, 'x');
        if (!request.reserve(piece.size())) throw std::runtime_error("no memory");
        co_return piece;
      };
      co_return response;
    };
  }
};

std::string read_bytes(Client& client, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    const std::string some = client.read_some(bytes - text.size());
    if (some.empty()) break;
    text += some;
  }
  return text;
}

TEST(ServerStream, ComesInChunksAndTheConnectionGoesOn) {
  Numbers numbers;
  const LoopbackServer server({}, numbers.handler());
  Client client(server.port());
  client.send(kGet);
  const auto answer = client.read(false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header("transfer-encoding"), "chunked");
  EXPECT_EQ(answer->header("content-length"), "");
  EXPECT_EQ(answer->header("connection"), "keep-alive");
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string rest = client.read_to_end();
  const std::string body = "2\r\n1\n\r\n2\r\n2\n\r\n2\r\n3\n\r\n0\r\n\r\n";
  EXPECT_EQ(rest.substr(0, body.size()), body);
  EXPECT_THAT(rest, EndsWith("\r\n\r\n" + body));
}

TEST(ServerStream, EachPieceIsSentWhenItIsThere) {
  Numbers numbers;
  numbers.allowed = 1;
  const LoopbackServer server({}, numbers.handler());
  Client client(server.port());
  client.send(kGet);
  ASSERT_TRUE(client.read(false));
  EXPECT_EQ(read_bytes(client, 7), "2\r\n1\n\r\n");
  EXPECT_TRUE(eventually([&] { return numbers.asked == 2; }));
  EXPECT_FALSE(client.readable(20ms));
  numbers.allowed = 2;
  EXPECT_EQ(read_bytes(client, 7), "2\r\n2\n\r\n");
  numbers.allowed = 3;
}

TEST(ServerStream, OfHttp10EndsWithTheConnection) {
  Numbers numbers;
  const LoopbackServer server({}, numbers.handler());
  Client client(server.port());
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = client.read_to_end();
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(all, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(all, EndsWith("\r\n\r\n1\n2\n3\n"));
}

TEST(ServerStream, ToHeadIsTheHeadAlone) {
  Numbers numbers;
  const LoopbackServer server({}, numbers.handler());
  Client client(server.port());
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), EndsWith("\r\n\r\n"));
  EXPECT_EQ(numbers.asked, 0);
}

TEST(ServerStream, AClientSeesThatItWasCutShort) {
  Numbers numbers;
  numbers.throws_at = 2;
  const LoopbackServer server({}, numbers.handler());
  Client client(server.port());
  client.send(kGet);
  const std::string all = client.read_to_end();
  EXPECT_THAT(all, EndsWith("2\r\n1\n\r\n"));
}

TEST(ServerStream, EndsWithAWholePieceWhenTheServerDrains) {
  Numbers numbers;
  numbers.last = 1'000'000;
  numbers.allowed = 1;
  LoopbackServer server({}, numbers.handler());
  Client client(server.port());
  client.send(kGet);
  ASSERT_TRUE(client.read(false));
  EXPECT_EQ(read_bytes(client, 7), "2\r\n1\n\r\n");
  ASSERT_TRUE(eventually([&] { return numbers.asked == 2; }));
  std::thread drain([&] { EXPECT_TRUE(server.drain(60s)); });
  EXPECT_TRUE(eventually([&] { return testing::refuses_connections(server.port()); }));
  numbers.allowed = 2;
  const std::string rest = client.read_to_end();
  drain.join();
  EXPECT_THAT(rest, EndsWith("\n\r\n0\r\n\r\n"));
}

// A follower that does not read holds the memory of one piece, and is closed as any that takes no answer.
TEST(ServerStream, WhoDoesNotReadIsNotReadFor) {
  Numbers numbers;
  numbers.last = 1'000;
  numbers.bytes = std::size_t{4} * 1024 * 1024;
  Limits limits;
  limits.memory_bytes = std::size_t{16} * 1024 * 1024;
  limits.pace.silence = 200ms;
  LoopbackServer server(limits, numbers.handler());
  Client client(server.port());
  client.send(kGet);
  ASSERT_TRUE(eventually([&] { return numbers.asked >= 1; }));
  EXPECT_TRUE(eventually([&] { return server.memory_held() == 0; }));
  EXPECT_LT(numbers.asked, 10);
}

// What the handler holds for the first piece counts until that is sent, though its size is not told before.
TEST(ServerStream, WhatWasHeldBeforeItBeganCountsUntilItIsSent) {
  constexpr std::size_t kBytes = std::size_t{4} * 1024 * 1024;
  std::atomic<bool> may_go{false};
  const LoopbackServer server({}, [&](Request& request) -> awaitable<Response> {
    if (!request.reserve(kBytes)) throw std::runtime_error("no memory");
    const auto first = std::make_shared<std::optional<std::string>>(std::string(kBytes, 'x'));
    Response response;
    response.more = [&may_go, first]() -> awaitable<std::optional<std::string>> {
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
      while (!may_go) {
        timer.expires_after(1ms);
        co_await timer.async_wait(boost::asio::use_awaitable);
      }
      co_return std::exchange(*first, std::nullopt);
    };
    co_return response;
  });
  Client client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(client.read(false));  // its head is there, and nothing of it was sent yet
  EXPECT_GE(server.memory_held(), kBytes);
  may_go = true;
  EXPECT_GT(client.read_to_end().size(), kBytes);
  EXPECT_TRUE(eventually([&] { return server.memory_held() == 0; }));
}

TEST(ServerStream, GivesTheMemoryOfEachPieceBack) {
  Numbers numbers;
  numbers.last = 40;
  numbers.bytes = std::size_t{1024} * 1024;
  Limits limits;
  limits.memory_bytes = std::size_t{4} * 1024 * 1024;
  LoopbackServer server(limits, numbers.handler());
  std::atomic<std::size_t> sent{0};
  server.observe([&](const Exchange& exchange) { sent = exchange.bytes_out; });
  Client client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), EndsWith("0\r\n\r\n"));
  EXPECT_TRUE(eventually([&] { return sent > 40 * numbers.bytes; }));
  EXPECT_TRUE(eventually([&] { return server.memory_held() == 0; }));
}

}  // namespace
}  // namespace storagepool::http
