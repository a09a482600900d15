#include "operator/kube/pod_client.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/loopback_server.h"

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

ApiError outcome_of(LoopbackServer::Handler handler, std::chrono::milliseconds deadline = 1000ms) {
  LoopbackServer server(std::move(handler));
  const auto response = make_pod_client()->get(server.base() + "/admin/facts", "hunter2", deadline);
  if (response) return {.status = response->status, .reason = "answered"};
  EXPECT_THAT(response.error().to_string(), Not(HasSubstr("hunter2")));
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

TEST(PodClientTest, GetsWithTheToken) {
  std::string seen;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
    seen = request;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  });
  const auto response = make_pod_client()->get(server.base() + "/admin/facts", "abc", 2s);
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "{}");
  EXPECT_THAT(seen, HasSubstr("GET /admin/facts HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Authorization: Bearer abc\r\n"));
  EXPECT_THAT(seen, HasSubstr("Host: " + server.base().substr(7) + "\r\n"));
}

TEST(PodClientTest, PutsABodyAndHandsOverAConflict) {
  std::string seen;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
    seen = request;
    connection.send("HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n");
  });
  const auto response =
      make_pod_client()->put(server.base() + "/admin/settings", "", "{\"generation\":1}", 2s);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 409);
  EXPECT_EQ(response->body, "old");
  EXPECT_THAT(seen, HasSubstr("PUT /admin/settings HTTP/1.1\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Length: 16\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Authorization")));
}

TEST(PodClientTest, ReachesAnIpv6Pod) {
  LoopbackServer server(say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), /*v6=*/true);
  EXPECT_TRUE(make_pod_client()->get(server.base() + "/x", "", 2s));
}

TEST(PodClientTest, ARedirectIsAnAnswer) {
  LoopbackServer elsewhere(say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const auto error = outcome_of(say("HTTP/1.1 307 Temporary Redirect\r\nLocation: " + elsewhere.base() +
                                    "/\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(error.status, 307);
  EXPECT_EQ(elsewhere.requests(), 0);
}

TEST(PodClientTest, RefusesToHoldMoreThanItsLimits) {
  const std::string header = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(outcome_of(say(header + "Content-Length: 65537\r\n\r\n")).reason, kReasonTooLarge);
  EXPECT_EQ(outcome_of(say(header + "X: " + std::string(9000, 'x') + "\r\n\r\n")).reason, kReasonTooLarge);
  EXPECT_EQ(outcome_of(say(header + "Content-Length: 65536\r\n\r\n" + std::string(65536, 'x'))).status, 200);
}

TEST(PodClientTest, AnEndlessAnswerCostsNoMemory) {
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

TEST(PodClientTest, SilenceAndDripsEndAtTheDeadline) {
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

TEST(PodClientTest, WhatIsNotHttpIsMalformed) {
  for (const char* text : {"\x16\x03\x01 garbage\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nxx\r\n"}) {
    EXPECT_EQ(outcome_of(say(text)).reason, kReasonMalformed) << text;
  }
  EXPECT_EQ(outcome_of(say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")).status, 0) << "cut short";
}

TEST(PodClientTest, RefusesUrlsAndTokensThatAreNone) {
  const auto client = make_pod_client();
  for (const char* url :
       {"", "https://127.0.0.1:1/x", "http://localhost:1/x", "http://127.0.0.1/x", "http://127.0.0.1:1",
        "http://127.0.0.1:0/x", "http://127.0.0.1:65536/x", "http://127.0.0.1:1/x\r\nX: 1"}) {
    const auto response = client->get(url, "", 1s);
    ASSERT_FALSE(response) << url;
    EXPECT_EQ(response.error().reason, kReasonMalformed) << url;
  }
  EXPECT_EQ(client->get("http://127.0.0.1:1/x", "a\r\nX: 1", 1s).error().reason, kReasonMalformed);
}

TEST(PodClientTest, ARefusedConnectionIsATransportError) {
  std::string base;
  {
    LoopbackServer gone(say(""));
    base = gone.base();
  }
  EXPECT_EQ(make_pod_client()->get(base + "/x", "", 1s).error().reason, kReasonTransport);
}

}  // namespace
}  // namespace storagepool::kube
