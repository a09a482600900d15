// What an observer of a real server hears.
#include <mutex>
#include <vector>

#include <gmock/gmock.h>

#include "pool/common/http/exchange.h"
#include "pool/common/http/testing/loopback.h"

namespace storagepool::http {
namespace {

using testing::ask;
using testing::echo;
using testing::LoopbackServer;
using ::testing::MatchesRegex;

TEST(Exchange, ObserversHearOfEveryRequest) {
  const auto heard = std::make_shared<std::vector<Exchange>>();
  const auto mutex = std::make_shared<std::mutex>();
  Limits limits;
  limits.body_bytes = 100;
  LoopbackServer server(limits, echo);
  server.observe([heard, mutex](const Exchange& exchange) {
    const std::lock_guard lock(*mutex);
    heard->push_back(exchange);
  });
  const auto has_heard_of = [&](std::size_t requests) {
    return testing::eventually([&] {
      const std::lock_guard lock(*mutex);
      return heard->size() == requests;
    });
  };
  const auto answer = ask(server.port(),
                          "POST /a?b=c HTTP/1.1\r\nHost: h\r\nX-Request-Id: r-1\r\nContent-Length: 3\r\n"
                          "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\nabc");
  EXPECT_THAT(answer.header("server-timing"), MatchesRegex("total;dur=[0-9]+[.][0-9]{3}"));
  ASSERT_TRUE(has_heard_of(1));
  const auto refused = ask(server.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n");
  EXPECT_EQ(refused.status, 413U);
  EXPECT_THAT(refused.header("server-timing"), MatchesRegex("total;dur=[0-9]+[.][0-9]{3}"));
  ASSERT_TRUE(has_heard_of(2));
  const std::lock_guard lock(*mutex);
  const Exchange& first = heard->front();
  EXPECT_EQ(first.method, "POST");
  EXPECT_EQ(first.path, "/a");
  EXPECT_EQ(first.query, (std::vector<std::pair<std::string, std::string>>{{"b", "c"}}));
  EXPECT_EQ(first.client, "127.0.0.1");
  EXPECT_EQ(first.request_id, "r-1");
  EXPECT_EQ(first.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(first.bytes_in, 3U);
  EXPECT_EQ(first.bytes_out, answer.body.size());
  EXPECT_EQ(first.status, 200U);
  EXPECT_GT(first.duration.count(), 0);
  EXPECT_EQ(heard->back().status, 413U);
}

TEST(Exchange, TimesAreInMilliseconds) {
  using namespace std::chrono_literals;
  EXPECT_EQ(server_timing(0s), "total;dur=0.000");
  EXPECT_EQ(server_timing(7us), "total;dur=0.007");
  EXPECT_EQ(server_timing(12345678ns), "total;dur=12.345");
  EXPECT_EQ(server_timing(2s), "total;dur=2000.000");
}

}  // namespace
}  // namespace storagepool::http
