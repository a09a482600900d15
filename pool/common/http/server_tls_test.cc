// TLS through a real server and OpenSSL's own client.
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pool/common/http/testing/loopback.h"
#include "pool/common/http/testing/tls.h"

namespace storagepool::http {
namespace {

using namespace std::chrono_literals;
using testing::Authority;
using testing::Client;
using testing::ClientOptions;
using ::testing::HasSubstr;
using testing::kGet;
using testing::LoopbackServer;
using testing::Pair;
using ::testing::StartsWith;
using testing::Subject;
using testing::TlsClient;

std::shared_ptr<const TlsContext> context_of(const TlsMaterial& material) {
  auto context = TlsContext::make(material);
  if (!context) throw std::runtime_error(context.error());
  return *context;
}

boost::asio::awaitable<Response> say_who(Request& request) {
  Response response;
  response.body = "<" + request.peer_certificate + ">" + request.body;
  co_return response;
}

class Tls : public ::testing::Test {
 protected:
  explicit Tls(const Limits& limits = {}) : server_(limits, say_who) {
    server_.use_tls(context_of(authority_.server(clients_.certificate())));
  }
  std::string ask(const ClientOptions& options, const std::string& request = kGet) const {
    TlsClient client(server_.port(), options);
    return client.send(request) ? client.read() : "";
  }
  std::string who_is(const Subject& subject) const {
    const std::string answer = ask({.own = clients_.issue(subject), .trusted = authority_.certificate()});
    const std::size_t begin = answer.find('<');
    return begin == std::string::npos ? "refused" : answer.substr(begin + 1, answer.find('>') - begin - 1);
  }

  Authority authority_;
  Authority clients_;
  LoopbackServer server_;
};

TEST_F(Tls, SpeaksVersions12And13) {
  for (const auto& [version, name] :
       {std::pair{TLS1_2_VERSION, "TLSv1.2"}, std::pair{TLS1_3_VERSION, "TLSv1.3"}}) {
    TlsClient client(server_.port(), {.version = version, .own = {}, .trusted = authority_.certificate()});
    ASSERT_TRUE(client.connected()) << name;
    EXPECT_EQ(client.version(), name);
    for (int i = 0; i < 2; ++i) {
      client.send(kGet);
      EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 200 OK"));
    }
  }
  for (const int old : {TLS1_VERSION, TLS1_1_VERSION})
    EXPECT_FALSE(TlsClient(server_.port(), {.version = old, .own = {}, .trusted = {}}).connected());
}

TEST_F(Tls, LargeBodiesAndAnswersPass) {
  const std::string body(std::size_t{3} << 20, 'b');
  const std::string answer = ask(
      {}, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(answer.substr(0, 15), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_GT(answer.size(), body.size());
}

TEST_F(Tls, TheEndIsSaid) {
  TlsClient client(server_.port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read(), HasSubstr("Connection: close"));
  EXPECT_TRUE(client.ended_properly());
}

TEST_F(Tls, ClientsMayProveWhoTheyAre) {
  EXPECT_THAT(ask({.own = {}, .trusted = authority_.certificate()}), HasSubstr("<>"));
  EXPECT_EQ(who_is({.common_name = "gateway", .alternative_names = "URI:spiffe://td/ns/a"}), "gateway");
  EXPECT_EQ(who_is({.common_name = {}, .alternative_names = "DNS:a.b,URI:spiffe://td/ns/a"}),
            "spiffe://td/ns/a");
  EXPECT_EQ(who_is({.common_name = {}, .alternative_names = "DNS:a.b"}), "a.b");
  EXPECT_EQ(who_is({.common_name = {}, .alternative_names = {}}), "");
  EXPECT_EQ(who_is({.common_name = "a\r\nb", .alternative_names = {}}), "");
}

TEST_F(Tls, OtherClientsCertificatesAreRefused) {
  EXPECT_EQ(who_is({.common_name = "late", .alternative_names = {}, .expires_in_days = -1}), "refused");
  EXPECT_EQ(
      ask({.own = authority_.issue({.common_name = "server's", .alternative_names = {}}), .trusted = {}}),
      "");
}

TEST_F(Tls, ClearTextIsToldToUseTls) {
  Client client(server_.port());
  client.send(kGet);
  const auto answer = client.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 400U);
  EXPECT_THAT(answer->body, HasSubstr("speaks TLS"));
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(Tls, GarbageEndsTheConnectionAndNothingElse) {
  Client client(server_.port());
  client.send(std::string(1000, '\x16'));
  client.read_to_end();
  EXPECT_THAT(ask({}), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(Tls, WithoutAContextNobodyIsServedInClearText) {
  server_.use_tls(nullptr);
  Client client(server_.port());
  client.send(kGet);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_FALSE(TlsClient(server_.port()).connected());
}

TEST_F(Tls, ContextsAreReplacedUnderLoad) {
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::atomic<int> asked = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      TlsClient kept(server_.port());
      while (!done) {
        const bool well = i % 2 == 0 ? kept.send(kGet) && !kept.read().empty() : !ask({}).empty();
        if (!well) ++failed;
        ++asked;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const int before = asked;
    server_.use_tls(context_of(authority_.server()));
    EXPECT_TRUE(testing::eventually([&] { return asked > before + 8; }));
  }
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
}

class TlsHandshake : public Tls {
 protected:
  TlsHandshake() : Tls({.header_timeout = 50ms}) {}
};

TEST_F(TlsHandshake, HasTheDeadlineOfAHead) {
  Client silent(server_.port());
  EXPECT_EQ(silent.read_to_end(), "");
}

class TlsIdle : public Tls {
 protected:
  TlsIdle() : Tls({.keep_alive_timeout = 50ms, .keep_alive_grace = 0ms}) {}
};

TEST_F(TlsIdle, EndsInTime) {
  TlsClient idle(server_.port());
  ASSERT_TRUE(idle.connected());
  EXPECT_TRUE(idle.send(kGet));
  EXPECT_THAT(idle.read(), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_TRUE(idle.ended_properly());
}

TEST_F(Tls, ADrainEndsIdleConnections) {
  TlsClient idle(server_.port());
  idle.send(kGet);
  EXPECT_THAT(idle.read(), StartsWith("HTTP/1.1 200 OK"));
  Client shaking_hands(server_.port());
  EXPECT_TRUE(server_.drain(60s));
}

TEST(TlsContext, SaysWhatIsWrongWithAPair) {
  const Authority authority;
  const TlsMaterial good = authority.server(authority.certificate());
  ASSERT_TRUE(TlsContext::make(good));
  const auto why_not = [&](auto change) {
    TlsMaterial bad = good;
    change(bad);
    const auto context = TlsContext::make(bad);
    return context ? "accepted" : context.error();
  };
  EXPECT_THAT(why_not([](TlsMaterial& bad) { bad.certificate.clear(); }),
              StartsWith("the certificate cannot be read: "));
  EXPECT_THAT(why_not([](TlsMaterial& bad) { bad.certificate += "-----BEGIN CERTIFICATE-----\nx\n"; }),
              StartsWith("the certificates after the first cannot be read: "));
  EXPECT_THAT(why_not([](TlsMaterial& bad) { bad.key = "key"; }), StartsWith("the key cannot be read: "));
  EXPECT_THAT(why_not([&](TlsMaterial& bad) { bad.key = authority.server().key; }),
              StartsWith("the key is not the certificate's: "));
  EXPECT_THAT(why_not([](TlsMaterial& bad) { bad.client_ca = "ca"; }),
              StartsWith("the clients' authority cannot be read: "));
}

}  // namespace
}  // namespace storagepool::http
