// Connections on other loops than the server's own. All other tests of the server are run so, too:
// STORAGEPOOL_HTTP_TEST_LANES (testing/loopback.h).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pool/common/http/exchange.h"
#include "pool/common/http/server.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using testing::ask;
using testing::Barrier;
using testing::Client;
using testing::echo;
using testing::eventually;
using testing::held_by;
using testing::kGet;
using testing::LoopbackServer;

// The threads on which something ran.
class Threads {
 public:
  void note() {
    const std::lock_guard lock(mutex_);
    seen_.insert(std::this_thread::get_id());
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::thread::id> seen_;
};

TEST(Lanes, HandlersRunOnTheServersLoopAndGatesOnThoseOfTheirConnections) {
  for (const std::size_t lanes : {0U, 1U, 3U}) {
    Threads handlers;
    Threads gates;
    Threads observers;
    LoopbackServer server(
        {},
        [&](Request& request) {
          handlers.note();
          return echo(request);
        },
        [&](Request&) {
          gates.note();
          return std::optional<Response>();
        },
        lanes);
    server.observe([&](const Exchange&) { observers.note(); });
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 6; ++i) clients.push_back(std::make_unique<Client>(server.port()));
    for (int i = 0; i < 3; ++i) {
      for (const auto& client : clients) client->send(kGet);
      for (const auto& client : clients) EXPECT_EQ(client->read()->status, 200U);
    }
    EXPECT_EQ(handlers.count(), 1U);
    EXPECT_EQ(gates.count(), std::max<std::size_t>(lanes, 1)) << "connections go to the lane with the fewest";
    EXPECT_TRUE(eventually([&] { return observers.count() == std::max<std::size_t>(lanes, 1); }));
  }
}

TEST(Lanes, TheBoundOfConnectionsIsThatOfAllLanes) {
  Limits limits;
  limits.max_connections = 5;
  const auto barrier = std::make_shared<Barrier>();
  const LoopbackServer server(limits, held_by(barrier, "/p"), {}, 2);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->send("GET /p HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  ASSERT_TRUE(eventually([&] { return barrier->waiting == 5; }));
  EXPECT_EQ(ask(server.port(), kGet).status, 503U);
  EXPECT_EQ(server.closed_for_new(), 0U);
  barrier->open = true;
  for (const auto& client : clients) EXPECT_EQ(client->read()->status, 200U);
  EXPECT_EQ(ask(server.port(), kGet).status, 200U) << "one of those that wait now is closed, wherever it is";
}

TEST(Lanes, AStreamIsMadeAndEndedOnTheServersLoop) {
  Threads made;
  Threads ended;
  struct Piece {
    explicit Piece(Threads& threads) : ended(threads) {}
    ~Piece() { ended.note(); }
    Threads& ended;
  };
  LoopbackServer server(
      {},
      [&](Request&) -> boost::asio::awaitable<Response> {
        made.note();
        Response response;
        auto held = std::make_shared<Piece>(ended);
        response.more = [&made, held,
                         left = 3]() mutable -> boost::asio::awaitable<std::optional<std::string>> {
          made.note();
          if (left-- == 0) co_return std::nullopt;
          co_return "piece";
        };
        co_return response;
      },
      {}, 2);
  Client old(server.port());
  old.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
  EXPECT_THAT(old.read_to_end(), ::testing::EndsWith("\r\n\r\npiecepiecepiece"));
  Client client(server.port());
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read(false)->status, 200U);
  EXPECT_TRUE(eventually([&] { return ended.count() == 1; }));
  made.note();
  ended.note();
  EXPECT_EQ(made.count(), 2U) << "the server's loop, and this thread";
  EXPECT_EQ(ended.count(), 2U) << "likewise";
}

TEST(Lanes, EverybodyIsAnsweredWhileManyComeAndGoAndAfterADrainNobodyIsThere) {
  LoopbackServer server({}, echo, {}, 3);
  std::atomic<bool> draining{false};
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (!draining) {
        try {
          Client client(server.port());
          for (int j = 0; j < 5; ++j) {
            if (!client.send(kGet)) break;
            const auto answer = client.read();
            if (!answer) break;
            ++answered;
          }
        } catch (const std::exception&) {
          if (!draining) throw;  // the port is closed
        }
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return answered > 500; }));
  draining = true;
  EXPECT_TRUE(server.drain(std::chrono::seconds{30}));
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(testing::refuses_connections(server.port()));
  EXPECT_EQ(server.memory_held(), 0U);
}

}  // namespace
}  // namespace storagepool::http
