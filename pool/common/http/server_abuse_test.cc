// Clients that are slow on purpose, take without giving, or vanish: what they hold, and for how long.
#include <atomic>
#include <memory>

#include <gmock/gmock.h>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using testing::ask;
using testing::Barrier;
using testing::Client;
using testing::echo;
using testing::eventually;
using testing::held_by;
using testing::kGet;
using testing::LoopbackServer;

std::string post(const std::string& path, std::size_t size) {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
         std::string(size, 'x');
}

constexpr std::size_t kLarge = std::size_t{64} << 20;

boost::asio::awaitable<Response> large(Request&) {
  Response response;
  response.body.assign(kLarge, 'x');
  co_return response;
}

boost::asio::awaitable<Response> middling(Request&) {
  Response response;
  response.body.assign(std::size_t{256} << 10, 'x');
  co_return response;
}

TEST(Abuse, ABodySentByteByByteIsCutThoughItIsNeverSilent) {
  Limits limits;
  limits.pace.window = 200ms;
  const LoopbackServer server(limits, echo);
  for (const std::string framing : {"Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"}) {
    const std::string step = framing.starts_with("T") ? "1\r\nx\r\n" : "x";
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\n" + framing);
    bool sent = true;
    for (int i = 0; i < 20'000 && sent && !client.readable(5ms); ++i) sent = client.send(step);
    EXPECT_EQ(client.read()->status, 408U);
  }
}

TEST(Abuse, AnAnswerReadByteByByteIsCutThoughItIsNeverSilent) {
  Limits limits;
  limits.pace = {.bytes_per_second = std::size_t{1} << 30, .window = 200ms};
  LoopbackServer server(limits, large);
  Client client(server.port());
  client.send(kGet);
  std::size_t read = 0;
  // Too little at a time to ever get the whole answer; never idle, though.
  for (std::string some = "first"; !some.empty(); read += some.size()) some = client.read_some(16);
  EXPECT_LT(read, kLarge);
  EXPECT_TRUE(server.drain(60s));
}

TEST(Abuse, AClientThatPipelinesAndNeverReadsIsCut) {
  Limits limits;
  limits.pace.silence = 200ms;
  LoopbackServer server(limits, middling);
  Client client(server.port());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += kGet;
  EXPECT_TRUE(eventually([&] { return !client.send(many); }));
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);
  EXPECT_TRUE(server.drain(60s));
}

TEST(Abuse, PipelinedRequestsBehindASlowOneAreNotStarted) {
  const auto barrier = std::make_shared<Barrier>();
  const LoopbackServer server({}, held_by(barrier, "/held"));
  Client client(server.port());
  std::string many;
  for (int i = 0; i < 50; ++i) many += post("/held", 100);
  client.send(many);
  ASSERT_TRUE(eventually([&] { return barrier->waiting == 1; }));
  EXPECT_EQ(ask(server.port(), kGet).status, 200U);  // time for a second one to start, if it could
  EXPECT_EQ(barrier->waiting, 1);
  barrier->open = true;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.read()->status, 200U);
}

TEST(Abuse, AClientResetWhileItsHandlerWaitsHoldsNothingAfterwards) {
  const auto barrier = std::make_shared<Barrier>();
  Limits limits;
  limits.max_connections = 3;
  limits.memory_bytes = 1400;  // of which one address has 1120
  LoopbackServer server(limits, held_by(barrier, "/held"));
  for (const bool half_closed_first : {false, true}) {
    barrier->open = false;
    barrier->waiting = 0;
    const auto held_before = barrier.use_count();
    auto first = std::make_unique<Client>(server.port());
    auto second = std::make_unique<Client>(server.port());
    for (Client* client : {first.get(), second.get()}) client->send(post("/held", 500));
    ASSERT_TRUE(eventually([&] { return barrier->waiting == 2; }));
    if (half_closed_first) first->half_close();
    first->reset();
    second->reset();
    // While its handler runs a request counts, client or not: else vanishing would be a way around the bound.
    EXPECT_EQ(ask(server.port(), post("/", 1)).status, 503U);
    barrier->open = true;
    EXPECT_TRUE(eventually([&] { return ask(server.port(), post("/", 1000)).status == 200; }));
    EXPECT_TRUE(eventually([&] { return barrier.use_count() == held_before; }));
    EXPECT_TRUE(eventually([&] {  // all three connections can be had again
      Client a(server.port());
      Client b(server.port());
      Client c(server.port());
      bool served = true;
      for (Client* client : {&a, &b, &c}) {
        client->send(kGet);
        const auto answer = client->read();
        served = served && answer && answer->status == 200;
      }
      return served;
    }));
  }
  EXPECT_TRUE(server.drain(60s));
}

TEST(Abuse, AHalfClosedClientGetsItsAnswerAndIsThenForgotten) {
  const auto barrier = std::make_shared<Barrier>();
  Limits limits;
  limits.max_connections = 1;
  const LoopbackServer server(limits, held_by(barrier, "/held"));
  Client client(server.port());
  client.send(post("/held", 10));
  client.half_close();
  ASSERT_TRUE(eventually([&] { return barrier->waiting == 1; }));
  barrier->open = true;
  EXPECT_EQ(client.read()->status, 200U);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(eventually([&] { return ask(server.port(), kGet).status == 200; }));
}

TEST(Abuse, AHandlerCanTellWhetherItsClientStillWaits) {
  std::atomic<int> waiting = 0;
  std::atomic<int> gone = 0;
  std::atomic<bool> enough = false;
  LoopbackServer server({}, [&](Request& request) -> boost::asio::awaitable<Response> {
    ++waiting;
    while (!enough && !request.gone()) co_await runtime::sleep_for(1ms);
    if (request.gone()) ++gone;
    co_return Response();
  });
  Client stays(server.port());
  Client closes(server.port());
  Client resets(server.port());
  for (Client* client : {&stays, &closes, &resets}) client->send(kGet);
  stays.send(kGet);  // what comes next is no end
  ASSERT_TRUE(eventually([&] { return waiting == 3; }));
  closes.half_close();
  resets.reset();
  EXPECT_TRUE(eventually([&] { return gone == 2; }));
  enough = true;
  EXPECT_EQ(stays.read()->status, 200U);
  EXPECT_EQ(stays.read()->status, 200U);
  EXPECT_TRUE(server.drain(60s));
  EXPECT_EQ(gone, 2);
}

TEST(Abuse, ChunksThatAreMostlyOverheadAreRefused) {
  const LoopbackServer server({}, echo);
  std::string chunks = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i) chunks += "1;" + std::string(1000, 'e') + "\r\nx\r\n";
  EXPECT_EQ(ask(server.port(), chunks).status, 400U);

  std::string small = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 10'000; ++i) small += "1\r\nx\r\n";
  EXPECT_EQ(ask(server.port(), small + "0\r\n\r\n").status, 200U);
}

}  // namespace
}  // namespace storagepool::http
