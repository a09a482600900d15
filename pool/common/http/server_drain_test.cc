#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using testing::Barrier;
using testing::Client;
using testing::echo;
using testing::held_by;
using testing::kGet;
using testing::LoopbackServer;
using testing::refuses_connections;

TEST(Drain, WithoutConnectionsIsImmediateAndClosesThePort) {
  LoopbackServer server({}, echo);
  EXPECT_TRUE(server.drain(0ms));
  EXPECT_TRUE(refuses_connections(server.port()));
  EXPECT_TRUE(server.drain(0ms));  // again is harmless
}

TEST(Drain, ClosesIdleConnections) {
  LoopbackServer server({}, echo);
  Client silent(server.port());
  Client idle(server.port());
  idle.send(kGet);
  ASSERT_EQ(idle.read()->status, 200U);
  EXPECT_TRUE(server.drain(60s));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(silent.read_to_end(), "");
}

TEST(CloseAfterAnswers, ServesEverybodyAsBeforeOnceForEachConnection) {
  LoopbackServer server({}, echo);
  Client before(server.port());
  before.send(kGet);
  ASSERT_EQ(before.read()->header("connection"), "keep-alive");
  server.close_after_answers(true);
  Client after(server.port());
  for (Client* client : {&before, &after}) {
    EXPECT_FALSE(client->readable(0ms)) << "an idle connection is left open";
    client->send(kGet);
    const auto answer = client->read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200U);
    EXPECT_EQ(answer->header("connection"), "close");
    EXPECT_EQ(client->read_to_end(), "");
  }
  server.close_after_answers(false);
  Client again(server.port());
  again.send(kGet);
  EXPECT_EQ(again.read()->header("connection"), "keep-alive");
  EXPECT_TRUE(server.drain(60s));
}

TEST(Drain, AnswersTheRequestsUnderWayAndSaysClose) {
  const auto barrier = std::make_shared<Barrier>();
  LoopbackServer server({}, held_by(barrier, "/"));
  Client client(server.port());
  client.send(kGet);
  ASSERT_TRUE(testing::eventually([&] { return barrier->waiting == 1; }));
  auto drained = std::async(std::launch::async, [&] { return server.drain(60s); });
  ASSERT_TRUE(testing::eventually([&] { return refuses_connections(server.port()); }));
  EXPECT_FALSE(client.readable(0ms));
  barrier->open = true;
  const auto answer = client.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200U);
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(drained.get());
}

TEST(Drain, ARequestHalfSentIsStillTaken) {
  LoopbackServer server({}, echo);
  Client client(server.port());
  client.send(kGet);  // so that the connection is accepted for certain
  ASSERT_TRUE(client.read());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_EQ(client.read()->status, 100U);  // so that the request is under way for certain
  auto drained = std::async(std::launch::async, [&] { return server.drain(60s); });
  ASSERT_TRUE(testing::eventually([&] { return refuses_connections(server.port()); }));
  client.send("hello");
  EXPECT_EQ(client.read()->status, 200U);
  EXPECT_TRUE(drained.get());
}

TEST(Drain, CutsWhatIsLeftAtTheDeadlineAndSaysSo) {
  const auto barrier = std::make_shared<Barrier>();
  LoopbackServer server({}, held_by(barrier, "/"));
  Client client(server.port());
  client.send(kGet);
  ASSERT_TRUE(testing::eventually([&] { return barrier->waiting == 1; }));
  EXPECT_FALSE(server.drain(20ms));
  EXPECT_EQ(client.read_to_end(), "");
  barrier->open = true;
  EXPECT_TRUE(server.drain(60s));
}

TEST(Drain, UnderLoadLosesNoAnswer) {
  LoopbackServer server({}, echo);
  std::atomic<int> answered = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> users;
  for (int i = 0; i < 8; ++i) {
    // Connected before the thread begins, which may be when the port is closed.
    users.emplace_back([&, client = std::make_unique<Client>(server.port())] {
      try {
        while (client->send(kGet)) {
          const auto answer = client->read();  // throws when an answer is cut off
          if (!answer) return;                 // closed while idle: the client would ask elsewhere
          if (answer->status != 200) ++wrong;
          ++answered;
          if (answer->header("connection") == "close") return;
        }
      } catch (const std::exception& error) {
        ++wrong;
        ADD_FAILURE() << error.what();
      }
    });
  }
  EXPECT_TRUE(testing::eventually([&] { return answered > 200; }));
  EXPECT_TRUE(server.drain(60s));
  for (auto& user : users) user.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Drain, ALoopStoppedInTheMiddleLeaksNothing) {
  const auto barrier = std::make_shared<Barrier>();
  {
    const LoopbackServer server({}, held_by(barrier, "/"));
    Client client(server.port());
    client.send(kGet);
    ASSERT_TRUE(testing::eventually([&] { return barrier->waiting == 1; }));
  }
  EXPECT_EQ(barrier.use_count(), 1);
}

}  // namespace
}  // namespace storagepool::http
