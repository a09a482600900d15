// What requests and answers hold, and who is refused or closed for it.
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::ask;
using testing::Client;
using testing::echo;
using testing::eventually;
using testing::kGet;
using testing::LoopbackServer;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kPieces = 30;

std::string incomplete(std::size_t announced, std::size_t sent) {
  return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(announced) + "\r\n\r\n" +
         std::string(sent, 'x');
}

// "/large" answers kPieces MiB after it has asked for the memory.
boost::asio::awaitable<Response> large_of_its_budget(Request& request) {
  Response response;
  if (request.path != "/large") co_return response;
  if (!request.reserve(kPieces * kMiB)) {
    response.status = 503;
    co_return response;
  }
  for (std::size_t i = 0; i < kPieces; ++i) response.pieces.emplace_back(kMiB, static_cast<char>('a' + i));
  co_return response;
}

constexpr const char* kGetLarge = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(Memory, AnAnswerInPiecesArrivesWhole) {
  const LoopbackServer server({}, large_of_its_budget);
  Client client(server.port());
  for (int i = 0; i < 2; ++i) {
    client.send(kGetLarge);
    const auto answer = client.read();
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->body.size(), kPieces * kMiB);
    for (std::size_t at = 0; at < answer->body.size(); at += kMiB / 2) {
      ASSERT_EQ(answer->body[at], static_cast<char>('a' + at / kMiB));
    }
  }
  client.send("HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read(false)->header("content-length"), std::to_string(kPieces * kMiB));
  EXPECT_TRUE(eventually([&] { return server.memory_held() == 0; }));
}

TEST(Memory, AnAnswerIsGivenBackAsItIsSent) {
  const LoopbackServer server({}, large_of_its_budget);
  Client client(server.port());
  client.send(kGetLarge);
  ASSERT_TRUE(client.readable(60s));
  std::size_t read = 0;
  while (read < 20 * kMiB) read += client.read_some(kMiB).size();
  EXPECT_TRUE(eventually([&] { return server.memory_held() <= 11 * kMiB; }));
  EXPECT_GT(server.memory_held(), 0U);
  while (read < kPieces * kMiB) read += client.read_some(kMiB).size();
  EXPECT_TRUE(eventually([&] { return server.memory_held() == 0; }));
}

TEST(Memory, AnswersThatNobodyReadsAreRefusedBeforeTheyAreMade) {
  Limits limits;
  limits.memory_bytes = 100 * kMiB;
  const LoopbackServer server(limits, large_of_its_budget);
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(std::make_unique<Client>(server.port()));
    slow.back()->send(kGetLarge);
    ASSERT_TRUE(slow.back()->readable(60s));
    EXPECT_LE(server.memory_held(), 80 * kMiB);
  }
  EXPECT_EQ(ask(server.port(), kGetLarge).status, 503U);
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
  slow.clear();
  EXPECT_TRUE(eventually([&] { return ask(server.port(), kGetLarge).status == 200; }));
}

TEST(Memory, OneAddressCannotUseUpWhatOthersNeed) {
  Limits limits;
  limits.memory_bytes = 50 * kMiB;
  const LoopbackServer server(limits, echo);
  std::vector<std::unique_ptr<Client>> hoarders;
  bool refused = false;
  for (int i = 0; i < 60 && !refused; ++i) {
    hoarders.push_back(std::make_unique<Client>(server.port()));
    hoarders.back()->send(incomplete(5 * kMiB, 2 * kMiB));
    refused = hoarders.back()->readable(20ms);
  }
  ASSERT_TRUE(eventually([&] { return server.memory_held() > 30 * kMiB; }));
  Client other(server.port(), "127.0.0.2");
  other.send(incomplete(2 * kMiB, 2 * kMiB));
  EXPECT_EQ(other.read()->status, 200U);
}

TEST(Memory, HeadsCountWhileTheyAreRead) {
  const LoopbackServer server({}, echo);
  Client client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Pad: " + std::string(10'000, 'x'));
  EXPECT_TRUE(eventually([&] { return server.memory_held() >= 8 * 1024; }));
  client.send("\r\n\r\n");
  EXPECT_EQ(client.read()->status, 200U);
  EXPECT_TRUE(eventually([&] { return server.memory_held() == 0; }));
}

TEST(Room, WhoTakesAllConnectionsLosesItsOwn) {
  Limits limits;
  limits.max_connections = 20;
  const LoopbackServer server(limits, echo);
  Client idle(server.port(), "127.0.0.2");
  idle.send(kGet);
  ASSERT_EQ(idle.read()->status, 200U);
  std::vector<std::unique_ptr<Client>> flood;
  for (int i = 0; i < 200; ++i) {
    flood.push_back(std::make_unique<Client>(server.port()));
    flood.back()->send("GET / HTTP/1.1\r\nHost: h\r\nX-Half: ");
    if (i % 20 == 0) {
      EXPECT_EQ(ask(server.port(), kGet).status, 200U);
    }
  }
  idle.send(kGet);
  EXPECT_EQ(idle.read()->status, 200U);
  EXPECT_GT(server.closed_for_new(), 100U);
}

TEST(Room, ASlowReaderMakesRoom) {
  Limits limits;
  limits.max_connections = 1;
  const LoopbackServer server(limits, large_of_its_budget);
  Client slow(server.port());
  slow.send(kGetLarge);
  ASSERT_TRUE(slow.readable(60s));
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
  EXPECT_LT(slow.read_to_end().size(), kPieces * kMiB);
}

}  // namespace
}  // namespace storagepool::http
