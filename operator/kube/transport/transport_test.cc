#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/transport/cpprest_transport.h"
#include "operator/kube/transport/testing/loopback_server.h"
#include "pool/common/http/message/coding.h"

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::unique_ptr<Transport> to(const LoopbackServer& server, const std::string& prefix = {}) {
  auto transport = make_transport({.server = server.base(), .path_prefix = prefix});
  EXPECT_TRUE(transport) << transport.error();
  return std::move(*transport);
}

ApiError transport_error(LoopbackServer::Handler handler, std::chrono::milliseconds deadline = 60s) {
  LoopbackServer server(std::move(handler));
  const auto body = to(server)->request({.path = "/x", .deadline = deadline});
  return body ? ApiError{.status = 200, .reason = *body} : body.error();
}

TEST(TransportTest, SendsWhatWasAsked) {
  std::string seen;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
    seen = request;
    connection.send("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
  });
  const auto body = to(server, "/prefix")
                        ->request({.method = Method::kPatch,
                                   .path = "/api/v1/pods/a%2Fb",
                                   .query = {{"labelSelector", "a=b,c in (d)"}, {"force", "true"}},
                                   .content_type = "application/merge-patch+json",
                                   .body = "{\"a\":1}"});
  ASSERT_TRUE(body) << body.error().to_string();
  EXPECT_EQ(*body, "{}");
  EXPECT_THAT(
      seen, HasSubstr("PATCH /prefix/api/v1/pods/a%2Fb?labelSelector=a%3Db%2Cc%20in%20%28d%29&force=true "));
  EXPECT_THAT(seen, HasSubstr("Content-Type:application/merge-patch+json\r\n"));
  EXPECT_THAT(seen, HasSubstr("Content-Length:7\r\n"));
  EXPECT_THAT(seen, HasSubstr("Accept:application/json\r\n"));
}

TEST(TransportTest, AsksForTheContentTypeThatIsWanted) {
  std::string seen;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
    seen = request;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  });
  ASSERT_TRUE(to(server)->request({.path = "/openid/v1/jwks", .accept = "application/jwk-set+json"}));
  EXPECT_THAT(seen, HasSubstr("Accept:application/jwk-set+json\r\n"));
}

TEST(TransportTest, APackedAnswerIsUnpacked) {
  std::string packed;
  http::GzipEncoder().encode(R"({"items":[]})", true, packed);
  std::string seen;
  const auto answer = [&](const std::string& body) {
    LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
      seen = request;
      connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
    });
    return to(server)->request({.path = "/x"});
  };
  const auto body = answer(packed);
  ASSERT_TRUE(body) << body.error().to_string();
  EXPECT_EQ(*body, R"({"items":[]})");
  EXPECT_THAT(seen, HasSubstr("Accept-Encoding:gzip\r\n"));
  const auto broken = answer(packed.substr(1));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().reason, kReasonMalformed);
}

// As client-go has it: tools/metrics, "<error>" where no answer came.
TEST(TransportTest, CountsRequestsAsClientGoDoes) {
  runtime::Metrics metrics;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
    if (request.starts_with("GET /watch")) connection.send("HTTP/1.1 200 OK\r\n\r\na\nb\n");
    if (request.starts_with("POST")) connection.send("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
    if (request.starts_with("DELETE")) connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  });
  const auto transport = make_transport({.server = server.base()}, &metrics);
  ASSERT_TRUE(transport) << transport.error();
  EXPECT_TRUE((*transport)->request({.method = Method::kPost, .path = "/x", .body = "{}"}));
  EXPECT_FALSE((*transport)->request({.method = Method::kDelete, .path = "/x"}));
  EXPECT_FALSE((*transport)->request({.path = "/cut"}));
  EXPECT_TRUE(
      (*transport)->stream({.path = "/watch", .silence = 60s}, [](std::string_view) { return true; }, {}));
  const std::string host = server.base().substr(server.base().find("//") + 2);
  const auto counted = [&](const std::string& code, const std::string& method) {
    EXPECT_THAT(metrics.serialize(), HasSubstr("rest_client_requests_total{code=\"" + code + "\",host=\"" +
                                               host + "\",method=\"" + method + "\"} 1\n"));
  };
  counted("201", "POST");
  counted("404", "DELETE");
  counted("<error>", "GET");
  counted("200", "GET");
}

TEST(TransportTest, AConnectionIsUsedAgain) {
  std::atomic<int> answered{0};
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string&) {
    for (bool going = true; going;) {
      ++answered;
      going =
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") && !connection.receive().empty();
    }
  });
  const auto transport = to(server);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(transport->request({.path = "/x"}));
  EXPECT_EQ(answered, 20);
  // The library gives a connection back a moment after the answer: now and then a second one is opened.
  EXPECT_LE(server.requests(), 10);
}

TEST(TransportTest, ARefusalCarriesTheStatus) {
  const auto error =
      transport_error(say("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 34\r\n\r\n"
                          R"({"kind":"Status","message":"slow"})"));
  EXPECT_EQ(error.status, 429);
  EXPECT_EQ(error.message, "slow");
  EXPECT_EQ(error.retry_after, 3s);
}

TEST(TransportTest, ARedirectIsNotFollowed) {
  LoopbackServer elsewhere(say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
  const auto error = transport_error(
      say("HTTP/1.1 302 Found\r\nLocation: " + elsewhere.base() + "/x\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(error.status, 302);
  EXPECT_EQ(elsewhere.requests(), 0);
}

TEST(TransportTest, BrokenAnswersAreErrorsAndTheProcessLivesOn) {
  for (const char* text :
       {"garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nxxxx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"}) {
    const auto error = transport_error(say(text));
    EXPECT_EQ(error.status, 0) << text;
    EXPECT_EQ(error.reason, kReasonTransport) << text << ": " << error.message;
  }
}

TEST(TransportTest, ABodyIsBounded) {
  const auto flood = [](const LoopbackConnection& connection, const std::string&) {
    const std::string piece(1u << 20, 'x');
    bool going = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
    while (going) going = connection.send(piece);
  };
  EXPECT_EQ(transport_error(flood, 60s).reason, kReasonTooLarge);
}

TEST(TransportTest, SilenceEndsAtTheDeadline) {
  const auto silent = [](const LoopbackConnection& connection, const std::string&) {
    connection.wait_for_close();
  };
  const auto error = transport_error(silent, 50ms);
  EXPECT_EQ(error.reason, kReasonTimeout);
  EXPECT_THAT(error.message, HasSubstr("http://127.0.0.1:"));
  EXPECT_TRUE(error.is_transient());
}

// So that a process that was stopped for long does not write when it goes on (operator/manager/leadership.h).
TEST(TransportTest, WhatIsTooLateIsNotSentWhole) {
  constexpr int kTimes = 30;
  std::mutex mutex;
  std::string seen;
  {
    LoopbackServer server([&](const LoopbackConnection& connection, const std::string& request) {
      std::string all = request;
      for (std::string more = "-"; !more.empty(); all += more) {
        if (all.ends_with("IN TIME")) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        more = connection.receive_some();
      }
      const std::lock_guard lock(mutex);
      seen += all;
    });
    const auto transport = to(server);
    for (int i = 0; i < kTimes; ++i) {
      ASSERT_TRUE(transport->request(
          {.method = Method::kPut, .path = "/x", .content_type = "application/json", .body = "IN TIME"}));
      const auto refused = transport->request({.method = Method::kPatch,
                                               .path = "/x",
                                               .content_type = "application/json",
                                               .body = "TOO LATE",
                                               .deadline = 0ms});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().reason, kReasonTimeout);
    }
  }
  EXPECT_THAT(seen, Not(HasSubstr("TOO LATE")));
  EXPECT_THAT(seen, HasSubstr("IN TIME"));
}

TEST(TransportTest, ARequestCanBeStopped) {
  std::promise<void> arrived;
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string&) {
    arrived.set_value();
    connection.wait_for_close();
  });
  const auto transport = to(server);
  std::stop_source stop;
  auto call = std::async(std::launch::async,
                         [&] { return transport->request({.path = "/x", .stop = stop.get_token()}); });
  arrived.get_future().wait();
  stop.request_stop();
  EXPECT_TRUE(call.get().error().is_cancelled());
}

TEST(TransportTest, AStreamHandsOverLinesAsTheyCome) {
  std::promise<void> first_seen;
  auto seen = first_seen.get_future();
  LoopbackServer server([&](const LoopbackConnection& connection, const std::string&) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\none\ntwo\n\r\n");
    seen.wait();
    connection.send("2\r\nth\r\n4\r\nree\n\r\n0\r\n\r\n");
  });
  std::vector<std::string> lines;
  const auto done = to(server)->stream({.path = "/x", .silence = 60s},
                                       [&](std::string_view line) {
                                         lines.emplace_back(line);
                                         if (lines.size() == 2) first_seen.set_value();
                                         return true;
                                       },
                                       {});
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(TransportTest, AStreamEndsByItsHandlerByStopAndBySilence) {
  const auto endless = [](const LoopbackConnection& connection, const std::string&) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
    connection.wait_for_close();
  };
  LoopbackServer server(endless);
  const auto transport = to(server);
  EXPECT_TRUE(transport->stream({.path = "/x", .silence = 60s}, [](std::string_view) { return false; }, {}));
  const auto silent =
      transport->stream({.path = "/x", .silence = 50ms}, [](std::string_view) { return true; }, {});
  EXPECT_EQ(silent.error().reason, kReasonTimeout);
  std::stop_source stop;
  const auto stopped = transport->stream(
      {.path = "/x", .silence = 60s},
      [&](std::string_view) {
        stop.request_stop();
        return true;
      },
      stop.get_token());
  EXPECT_TRUE(stopped.error().is_cancelled());
}

// The head and the body come from two threads of the library, in either order.
TEST(TransportTest, AStreamIsJudgedByItsHeadHoweverSoonTheBodyComes) {
  LoopbackServer server([](const LoopbackConnection& connection, const std::string&) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n");
    connection.wait_for_close();
  });
  const auto transport = to(server);
  for (int i = 1; i <= 200; ++i) {
    const auto ended =
        transport->stream({.path = "/x", .silence = 60s}, [](std::string_view) { return false; }, {});
    ASSERT_TRUE(ended) << ended.error().to_string();
    // What the caller did not want is still on the connection: it is not used again.
    ASSERT_EQ(server.requests(), i);
  }
}

TEST(TransportTest, ARefusedStreamCarriesTheStatus) {
  LoopbackServer server(
      say("HTTP/1.1 410 Gone\r\nContent-Length: 34\r\n\r\n"
          R"({"kind":"Status","message":"gone"})"));
  const auto done =
      to(server)->stream({.path = "/x", .silence = 60s}, [](std::string_view) { return true; }, {});
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is_gone());
  EXPECT_EQ(done.error().message, "gone");
}

TEST(TransportTest, ALineOfAStreamIsBounded) {
  LoopbackServer server([](const LoopbackConnection& connection, const std::string&) {
    const std::string piece = "100000\r\n" + std::string(1u << 20, 'x') + "\r\n";
    bool going = connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (going) going = connection.send(piece);
  });
  const auto done =
      to(server)->stream({.path = "/x", .silence = 60s}, [](std::string_view) { return true; }, {});
  EXPECT_EQ(done.error().reason, kReasonTooLarge);
}

TEST(TransportTest, RefusesAConfigurationThatCannotWork) {
  EXPECT_THAT(make_transport({.server = "https://h", .ca_pem = "none"}).error(),
              HasSubstr("certificate-authority"));
}

}  // namespace
}  // namespace storagepool::kube
