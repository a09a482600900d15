#include "operator/pods/client.h"

#include <atomic>
#include <fstream>
#include <future>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/transport/testing/loopback_server.h"

namespace storagepool::pods {
namespace {

namespace asio = boost::asio;
using kube::kReasonMalformed;
using kube::kReasonTimeout;
using kube::kReasonTooLarge;
using kube::kReasonTransport;
using kube::LoopbackConnection;
using kube::LoopbackServer;
using kube::say;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

template <typename T>
T run(asio::io_context& loop, asio::awaitable<T> work) {
  std::optional<T> result;
  asio::co_spawn(loop, std::move(work), [&](const std::exception_ptr& thrown, T value) {
    ASSERT_FALSE(thrown);
    result = std::move(value);
  });
  loop.restart();
  loop.run();
  return std::move(result.value());
}

const Signer& test_signer() {
  static const Signer signer(std::string(kSeedBytes, 'k'));
  return signer;
}

Client::Result get(const std::string& ip, int port, std::chrono::milliseconds deadline = 60s) {
  asio::io_context loop;
  Client client(loop.get_executor(), ip, static_cast<std::uint16_t>(port), "uid-1", test_signer(), deadline);
  return run(loop, client.get("/admin/facts"));
}

kube::ApiError outcome_of(LoopbackServer::Handler handler, std::chrono::milliseconds deadline = 60s) {
  LoopbackServer server(std::move(handler));
  const auto response = get("127.0.0.1", server.port(), deadline);
  if (response) return {.status = response->status, .reason = "answered"};
  EXPECT_THAT(response.error().to_string(), Not(HasSubstr("v4.public")));
  return response.error();
}

long resident_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == "VmRSS:") {
      long kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

TEST(ClientTest, SignsWhatItGets) {
  std::string seen;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
    seen = request;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  });
  const auto response = get("127.0.0.1", server.port());
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "{}");
  EXPECT_THAT(seen, HasSubstr("GET /admin/facts HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Authorization: Bearer v4.public."));
  EXPECT_THAT(seen, HasSubstr("Host: " + server.base().substr(7) + "\r\n"));
}

TEST(ClientTest, PutsABodyAndHandsOverAConflict) {
  std::string seen;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
    seen = request;
    connection.send("HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n");
  });
  asio::io_context loop;
  Client client(loop.get_executor(), "127.0.0.1", server.port(), "uid-1", test_signer());
  const auto response = run(loop, client.put("/admin/settings", "{\"generation\":1}"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 409);
  EXPECT_EQ(response->body, "old");
  EXPECT_THAT(seen, HasSubstr("PUT /admin/settings HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Length: 16\r\n"));
  EXPECT_THAT(seen, HasSubstr("Authorization: Bearer v4.public."));
}

TEST(ClientTest, ReachesAnIpv6Pod) {
  LoopbackServer server(say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), /*v6=*/true);
  EXPECT_TRUE(get("::1", server.port()));
}

TEST(ClientTest, ARedirectIsAnAnswer) {
  LoopbackServer elsewhere(say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const auto error = outcome_of(say("HTTP/1.1 307 Temporary Redirect\r\nLocation: " + elsewhere.base() +
                                    "/\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(error.status, 307);
  EXPECT_EQ(elsewhere.requests(), 0);
}

TEST(ClientTest, RefusesToHoldMoreThanItsLimits) {
  const std::string header = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(outcome_of(say(header + "Content-Length: 65537\r\n\r\n")).reason, kReasonTooLarge);
  EXPECT_EQ(outcome_of(say(header + "X: " + std::string(9000, 'x') + "\r\n\r\n")).reason, kReasonTooLarge);
  EXPECT_EQ(outcome_of(say(header + "Content-Length: 65536\r\n\r\n" + std::string(65536, 'x'))).status, 200);
}

TEST(ClientTest, AnEndlessAnswerCostsNoMemory) {
  const std::string flood(64u << 10, 'a');
  const auto endless = [&](const std::string& start) {
    return [&flood, start](const LoopbackConnection& connection, const std::string&) {
      bool going = connection.send(start);
      while (going) going = connection.send(flood);
    };
  };
  const long before = resident_kib();
  EXPECT_EQ(outcome_of(endless("HTTP/1.1 200 OK\r\nX: ")).reason, kReasonTooLarge);
  EXPECT_EQ(outcome_of(endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n")).reason,
            kReasonTooLarge);
  EXPECT_EQ(outcome_of(endless("HTTP/1.1 200 OK\r\n\r\n")).reason, kReasonTooLarge);
  EXPECT_LT(resident_kib() - before, 32 * 1024);
}

TEST(ClientTest, SilenceAndDripsEndAtTheDeadline) {
  const auto silent = [](const LoopbackConnection& connection, const std::string&) {
    connection.wait_for_close();
  };
  EXPECT_EQ(outcome_of(silent, 50ms).reason, kReasonTimeout);
  const auto drip = [](const LoopbackConnection& connection, const std::string&) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n");
    while (connection.send("x")) std::this_thread::sleep_for(1ms);
  };
  EXPECT_EQ(outcome_of(drip, 100ms).reason, kReasonTimeout);
}

TEST(ClientTest, WhatIsNotHttpIsMalformed) {
  for (const char* text : {"\x16\x03\x01 garbage\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nxx\r\n"}) {
    EXPECT_EQ(outcome_of(say(text)).reason, kReasonMalformed) << text;
  }
  EXPECT_EQ(outcome_of(say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")).status, 0) << "cut short";
}

TEST(ClientTest, AConnectionThatIsClosedAtOnceIsATransportError) {
  EXPECT_EQ(outcome_of(say("")).reason, kReasonTransport);
}

TEST(ClientTest, RefusesAddressesThatAreNone) {
  for (const char* ip : {"", "localhost", "127.0.0.1:1", "127.0.0.1/x", "127.0.0.1\r\nX: 1"}) {
    const auto response = get(ip, 1);
    ASSERT_FALSE(response) << ip;
    EXPECT_EQ(response.error().reason, kReasonMalformed) << ip;
  }
}

TEST(ClientTest, ARefusedConnectionIsATransportError) {
  int port = 0;
  {
    LoopbackServer gone(say(""));
    port = gone.port();
  }
  EXPECT_EQ(get("127.0.0.1", port).error().reason, kReasonTransport);
}

// Answers once over each connection and closes it then, as a pod does with one that was idle for long.
TEST(ClientTest, AsksAgainOverAnotherConnectionWhereTheKeptOneWasClosed) {
  std::promise<void> closed;
  std::atomic<int> connections{0};
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string&) {
    // Counted before the answer: what follows it may come after the client has looked.
    const bool first = ++connections == 1;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    if (first) connection.end(), closed.set_value();
    connection.wait_for_close();
  });
  asio::io_context loop;
  Client client(loop.get_executor(), "127.0.0.1", server.port(), "uid-1", test_signer());
  ASSERT_TRUE(run(loop, client.get("/admin/facts")));
  ASSERT_TRUE(client.connected());
  closed.get_future().wait();
  const auto again = run(loop, client.get("/admin/facts"));
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->body, "{}");
  EXPECT_EQ(connections, 2);
}

TEST(ClientTest, WhatAPodSaysUnaskedEndsItsConnection) {
  LoopbackServer server(say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"));
  asio::io_context loop;
  Client client(loop.get_executor(), "127.0.0.1", server.port(), "uid-1", test_signer());
  EXPECT_TRUE(run(loop, client.get("/admin/facts")));
  EXPECT_FALSE(client.connected());
}

// The administration port of a pod, which keeps its connections.
class AdminPort {
 public:
  explicit AdminPort(std::string connection = "keep-alive")
      : connection_(std::move(connection)),
        server_([this](const LoopbackConnection& peer, std::string request) {
          for (; !request.empty(); request = connection_ == "close" ? "" : peer.receive())
            if (!peer.send(answer(request))) return;
        }) {}

  Answer ask(Task task) {
    asio::io_context loop;
    Client client(loop.get_executor(), "127.0.0.1", server_.port(), task.uid, test_signer());
    return run(loop, exchange(client, std::move(task)));
  }

  std::map<std::string, int> statuses;  // by "PUT /path"; others are 200
  std::vector<std::string> asked;
  int connections() const { return server_.requests(); }

 private:
  std::string answer(const std::string& request) {
    const std::string what = request.substr(0, request.find(" HTTP"));
    asked.push_back(what);
    const int status = statuses.contains(what) ? statuses[what] : 200;
    const std::string body = what.ends_with("/facts") ? settings::to_json(settings::FactsReport{})
                                                      : settings::to_json(settings::SettingsReport{});
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nConnection: " + connection_ +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  std::string connection_;
  LoopbackServer server_;
};

TEST(ExchangeTest, AsksForReportAndFactsOverOneConnection) {
  AdminPort pod;
  const Answer answer = pod.ask({});
  EXPECT_EQ(answer.outcome, Outcome::kAnswered) << answer.failure;
  EXPECT_TRUE(answer.report);
  EXPECT_TRUE(answer.facts);
  EXPECT_EQ(pod.asked, (std::vector<std::string>{"GET /admin/settings", "GET /admin/facts"}));
  EXPECT_EQ(pod.connections(), 1);
}

TEST(ExchangeTest, ConnectsAgainToAPodThatClosesAfterEachAnswer) {
  AdminPort pod("close");
  EXPECT_TRUE(pod.ask({}).facts);
  EXPECT_EQ(pod.connections(), 2);
}

TEST(ExchangeTest, WhatAPodAnswersToIsItsReport) {
  AdminPort pod;
  EXPECT_TRUE(pod.ask({.settings = settings::SettingsChange{1, {}}, .leaving = true}).report);
  EXPECT_EQ(pod.asked,
            (std::vector<std::string>{"PUT /admin/settings", "PUT /admin/leaving", "GET /admin/facts"}));
}

TEST(ExchangeTest, AskedForItsReportIsAPodThatRefusesWhatItIsTold) {
  AdminPort pod;
  pod.statuses = {{"PUT /admin/settings", 409}, {"PUT /admin/leaving", 404}};
  const Answer answer = pod.ask({.settings = settings::SettingsChange{1, {}}, .leaving = true});
  EXPECT_EQ(answer.outcome, Outcome::kAnswered);
  EXPECT_TRUE(answer.report);
  EXPECT_EQ(pod.asked, (std::vector<std::string>{"PUT /admin/settings", "PUT /admin/leaving",
                                                 "GET /admin/settings", "GET /admin/facts"}));
}

TEST(ExchangeTest, WhyThereIsNoReportIsSaid) {
  AdminPort pod;
  pod.statuses = {{"GET /admin/settings", 401}};
  EXPECT_EQ(pod.ask({}).outcome, Outcome::kUnauthorized);
  EXPECT_THAT(pod.ask({}).failure, HasSubstr("it refuses what the operator signs"));
  pod.statuses = {{"GET /admin/settings", 503}};
  EXPECT_EQ(pod.ask({}).outcome, Outcome::kRefused);
  EXPECT_EQ(pod.ask({}).failure, "its administration port answered 503");
  pod.statuses = {{"PUT /admin/settings", 401}};
  pod.asked.clear();
  EXPECT_EQ(pod.ask({.settings = settings::SettingsChange{1, {}}}).outcome, Outcome::kUnauthorized);
  EXPECT_EQ(pod.asked, std::vector<std::string>{"PUT /admin/settings"});
  pod.statuses = {{"GET /admin/facts", 500}};
  const Answer without_facts = pod.ask({});
  EXPECT_TRUE(without_facts.report);
  EXPECT_FALSE(without_facts.facts);
}

}  // namespace
}  // namespace storagepool::pods
