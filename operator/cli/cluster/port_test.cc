#include "operator/cli/cluster/port.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/http/testing/loopback.h"
#include "pool/common/http/testing/tls.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

using namespace std::chrono_literals;
using http::testing::Authority;
using http::testing::Barrier;
using http::testing::LoopbackServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Port, SendsARequestAndReadsItsAnswer) {
  const LoopbackServer server({}, http::testing::echo);
  const auto answer =
      send_here(server.port(), {.method = "POST", .path = "/x?y=1", .token = "t", .body = "{}"});
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, 200);
  const json::Json said = json::Json::parse(answer->body);
  EXPECT_EQ(said.at("method"), "POST");
  EXPECT_EQ(said.at("path"), "/x");
  EXPECT_EQ(said.at("body"), "{}");
  for (const char* header : {R"(["Authorization","Bearer t"])", R"(["Content-Type","application/json"])",
                             R"(["Host","localhost"])"})
    EXPECT_THAT(said.at("headers").dump(), HasSubstr(header));
}

TEST(Port, WhyThereIsNoAnswerIsSaid) {
  EXPECT_THAT(send_here(1, {.path = "/"}).error(), HasSubstr("no connection: Connection refused"));
  const auto barrier = std::make_shared<Barrier>();
  const LoopbackServer slow({}, http::testing::held_by(barrier, "/"));
  EXPECT_THAT(send_here(slow.port(), {.path = "/"}, {}, {.deadline = 50ms}).error(),
              HasSubstr("no answer in time"));
  barrier->open = true;
  const LoopbackServer large({}, [](http::Request&) -> boost::asio::awaitable<http::Response> {
    http::Response response;
    response.body = std::string(1000, 'x');
    co_return response;
  });
  const auto too_long = send_here(large.port(), {.path = "/"}, {}, {.most_bytes = 999});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error(), "the answer is too long");
  EXPECT_TRUE(send_here(large.port(), {.path = "/"}, {}, {.most_bytes = 1000}));
}

class TlsPort : public ::testing::Test {
 protected:
  TlsPort() : server_({}, http::testing::echo) {
    auto material = authority_.issue({.common_name = "audit", .alternative_names = "DNS:audit.team.svc"});
    certificate_ = material.certificate;
    auto context = http::TlsContext::make({material.certificate, material.key, {}});
    server_.use_tls(context.value());
  }
  auto ask(const std::string& trusted, const std::string& name = "audit.team.svc") const {
    return send_here(server_.port(), {.path = "/"}, Tls{trusted, name});
  }

  Authority authority_;
  std::string certificate_;
  LoopbackServer server_;
};

TEST_F(TlsPort, IsTrustedByItsAuthorityOrByItself) {
  for (const std::string& trusted : {authority_.certificate(), certificate_}) {
    const auto answer = ask(trusted);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->status, 200);
  }
}

TEST_F(TlsPort, OfAnotherNameOrAuthorityIsRefused) {
  EXPECT_THAT(ask(authority_.certificate(), "other.team.svc").error(),
              HasSubstr("no TLS with other.team.svc: certificate verify failed"));
  EXPECT_THAT(ask(Authority().certificate()).error(), HasSubstr("no TLS with audit.team.svc: "));
  EXPECT_THAT(ask("nonsense").error(), HasSubstr("cannot be read"));
}

TEST_F(TlsPort, IsNotSpokenToInClearText) {
  const auto answer = send_here(server_.port(), {.path = "/", .token = "secret"});
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, 400);
  EXPECT_THAT(answer->body, AllOf(HasSubstr("TLS"), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace storagepool::cli
