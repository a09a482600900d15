#include "operator/witness/submitter.h"

#include <fstream>
#include <future>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/transport/testing/loopback_server.h"
#include "pool/common/http/testing/loopback.h"
#include "pool/common/http/testing/tls.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::witness {
namespace {

using namespace std::chrono_literals;
using Answer = tl::expected<WitnessAnswer, std::string>;
using kube::LoopbackConnection;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kGenerous = 60s;

std::future<Answer> ask(Submitter& submitter, const std::string& url, const std::string& body = "old 0\n") {
  const auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  const bool taken = submitter.submit(
      {.url = render::parse_witness_url(url).value(), .body = body, .done = [promise](Answer told) {
         promise->set_value(std::move(told));
       }});
  EXPECT_TRUE(taken);
  return answer;
}

Answer answer_of(std::future<Answer> answer) {
  if (answer.wait_for(kGenerous) != std::future_status::ready) return tl::unexpected(std::string("none"));
  return answer.get();
}

// What is made of a host that says this.
Answer answer_to(kube::LoopbackServer::Handler handler, std::chrono::milliseconds deadline = 10s) {
  kube::LoopbackServer server(std::move(handler));
  Submitter submitter({.deadline = deadline});
  return answer_of(ask(submitter, server.base() + "/w"));
}

TEST(SubmitterTest, PostsAndReadsTheAnswer) {
  std::promise<std::string> request;
  kube::LoopbackServer server([&](const LoopbackConnection& peer, std::string begun) {
    while (!begun.ends_with("old 7\n")) begun += peer.receive_some();
    request.set_value(begun);
    peer.send("HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 2\r\n\r\n9\n");
  });
  Submitter submitter({});
  const Answer answer = answer_of(ask(submitter, server.base() + "/w/", "old 7\n"));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, 409);
  EXPECT_EQ(answer->content_type, "text/x.tlog.size");
  EXPECT_EQ(answer->body, "9\n");
  const std::string asked = request.get_future().get();
  EXPECT_THAT(asked, StartsWith("POST /w/add-checkpoint HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
}

TEST(SubmitterTest, HostileAnswersAreErrorsAndEnd) {
  const auto error = [](const Answer& answer) { return answer ? "answered" : answer.error(); };
  EXPECT_EQ(error(answer_to(kube::say("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"))),
            "its answer is too long");
  EXPECT_EQ(error(answer_to([](const LoopbackConnection& peer, const std::string&) {
              peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
              const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
              while (peer.send(chunk)) {
              }
            })),
            "its answer is too long");
  EXPECT_EQ(error(answer_to([](const LoopbackConnection& peer, const std::string&) {
              peer.send("HTTP/1.1 200 OK\r\n");
              while (peer.send("X: " + std::string(4096, 'x') + "\r\n")) {
              }
            })),
            "its answer is too long");
  EXPECT_EQ(error(answer_to(kube::say("SSH-2.0-OpenSSH\r\n\r\n"))), "its answer is no HTTP, or is cut off");
  EXPECT_EQ(error(answer_to(kube::say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"))),
            "its answer is no HTTP, or is cut off");
  EXPECT_EQ(error(answer_to(kube::say(""))), "its answer is no HTTP, or is cut off");
  const Answer redirect = answer_to(
      kube::say("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
  ASSERT_TRUE(redirect);
  EXPECT_EQ(redirect->status, 302) << "and is not followed";
}

TEST(SubmitterTest, OneThatIsSilentOrStopsIsLeftAtTheDeadline) {
  const Answer silent =
      answer_to([](const LoopbackConnection& peer, const std::string&) { peer.wait_for_close(); }, 200ms);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error(), "it gives no answer in time");
  const Answer stops = answer_to(
      [](const LoopbackConnection& peer, const std::string&) {
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\nx");
        peer.wait_for_close();
      },
      200ms);
  ASSERT_FALSE(stops);
  EXPECT_EQ(stops.error(), "it gives no answer in time");
}

TEST(SubmitterTest, OneThatIsSilentHoldsUpNobodyElse) {
  std::promise<void> begun;
  kube::LoopbackServer silent([&](const LoopbackConnection& peer, const std::string&) {
    begun.set_value();
    peer.wait_for_close();
  });
  kube::LoopbackServer other(kube::say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  auto submitter = std::make_unique<Submitter>(
      Submitter::Limits{.deadline = std::chrono::hours{1}, .at_once = 2, .waiting = 4});
  const auto never = ask(*submitter, silent.base());
  begun.get_future().wait();
  const auto queued = ask(*submitter, silent.base());  // takes no thread
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answer_of(ask(*submitter, other.base()))->status, 404);
  submitter.reset();
  EXPECT_EQ(silent.requests(), 1) << "and the end waits for none of them";
}

TEST(SubmitterTest, TakesNoMoreThanAFew) {
  std::promise<void> begun;
  kube::LoopbackServer silent([&](const LoopbackConnection& peer, const std::string&) {
    begun.set_value();
    peer.wait_for_close();
  });
  Submitter submitter({.deadline = std::chrono::hours{1}, .at_once = 1, .waiting = 2});
  const auto first = ask(submitter, silent.base());
  begun.get_future().wait();
  const auto second = ask(submitter, silent.base());
  const auto third = ask(submitter, silent.base());
  EXPECT_FALSE(submitter.submit({.url = render::parse_witness_url(silent.base()).value()}));
}

TEST(SubmitterTest, OneThatIsNotThereIsAnError) {
  Submitter submitter({});
  const Answer refused = answer_of(ask(submitter, "http://127.0.0.1:1"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), StartsWith("it cannot be reached"));
  const Answer unknown = answer_of(ask(submitter, "https://witness.invalid"));
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error(), StartsWith("its name is not known"));
}

class TlsSubmitterTest : public ::testing::Test {
 protected:
  TlsSubmitterTest() { serve({.common_name = "w", .alternative_names = "IP:127.0.0.1,DNS:localhost"}); }
  void serve(const http::testing::Subject& subject) {
    const http::testing::Pair pair = authority_.issue(subject);
    server_.use_tls(
        http::TlsContext::make(
            {.certificate = pair.certificate + authority_.certificate(), .key = pair.key, .client_ca = {}})
            .value());
  }
  std::string trusting(const std::string& certificate) {
    const std::string file = folder_ / "trusted.pem";
    std::ofstream(file) << certificate;
    return file;
  }
  Answer ask_trusting(const std::string& trusted, const std::string& host = "127.0.0.1") {
    Submitter submitter({}, trusted);
    return answer_of(ask(submitter, "https://" + host + ":" + std::to_string(server_.port())));
  }

  runtime::testing::TemporaryFolder folder_;
  http::testing::Authority authority_;
  http::testing::LoopbackServer server_{{}, http::testing::echo};
};

TEST_F(TlsSubmitterTest, TalksToAHostWhoseCertificateIsTrusted) {
  const std::string trusted = trusting(authority_.certificate());
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const Answer answer = ask_trusting(trusted, host);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->status, 200);
    EXPECT_THAT(answer->body, HasSubstr("/add-checkpoint"));
  }
}

TEST_F(TlsSubmitterTest, TalksToNoOther) {
  const auto refused = [](const Answer& answer) { return answer ? "answered" : answer.error(); };
  EXPECT_THAT(refused(ask_trusting({})), StartsWith("there is no TLS with it")) << "the system's know it not";
  const http::testing::Authority other;
  EXPECT_THAT(refused(ask_trusting(trusting(other.certificate()))), StartsWith("there is no TLS with it"));
  const std::string trusted = trusting(authority_.certificate());
  serve({.common_name = "w", .alternative_names = "DNS:witness.example"});
  EXPECT_THAT(refused(ask_trusting(trusted)), StartsWith("there is no TLS with it")) << "of another name";
  serve({.common_name = "w", .alternative_names = "IP:127.0.0.1", .expires_in_days = -1});
  EXPECT_THAT(refused(ask_trusting(trusted)), StartsWith("there is no TLS with it")) << "it has expired";
}

}  // namespace
}  // namespace storagepool::witness
