// The API port over TLS, in the running program.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/http/testing/tls.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using http::testing::Authority;
using http::testing::TlsClient;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using ::testing::StartsWith;
using testing::valid_event;

class DataStorageTlsTest : public testing::ProgramTest {
 protected:
  void mount(const http::TlsMaterial& material) const {
    pod_.write("tls/tls.crt", material.certificate);
    pod_.write("tls/tls.key", material.key);
  }
  void begin(std::vector<std::string> flags = {}) {
    flags.push_back("--tls-dir=" + pod_.path("tls"));
    pod_.start({}, flags);
  }
  std::string ask(const Authority& trusted, const std::string& request) const {
    TlsClient client(pod_.api_port(), {.own = {}, .trusted = trusted.certificate()});
    return client.send(request) ? client.read() : "";
  }
  static std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; }
  static std::string create() {
    const std::string event = valid_event().dump();
    return "POST " + kEvents + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(event.size()) + "\r\n\r\n" + event;
  }
  bool health_tells(unsigned status, const std::string& text) const {
    const auto answer = pod_.health("/readyz");
    return answer.status == status && answer.body.find(text) != std::string::npos;
  }

  Authority authority_;
};

TEST_F(DataStorageTlsTest, ServesTheApiAndNothingInClearText) {
  mount(authority_.server());
  begin();
  ASSERT_TRUE(pod_.becomes_ready()) << pod_.log();
  EXPECT_THAT(ask(authority_, create()), StartsWith("HTTP/1.1 201 Created"));
  EXPECT_THAT(ask(authority_, get("/readyz")), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(pod_.api("GET", "/readyz").status, 400U);  // in clear text
}

TEST_F(DataStorageTlsTest, ACertificateIsReplacedLiveAndABadOneIsNot) {
  mount(authority_.server());
  begin();
  ASSERT_TRUE(pod_.becomes_ready()) << pod_.log();
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::thread load([&] {
    TlsClient kept(pod_.api_port());
    while (!done) {
      TlsClient fresh(pod_.api_port());
      for (TlsClient* client : {&kept, &fresh}) {
        if (!client->send(create()) || !client->read().starts_with("HTTP/1.1 201")) ++failed;
      }
    }
  });
  const Authority other;
  mount(other.server());
  EXPECT_TRUE(eventually([&] { return !ask(other, get("/livez")).empty(); })) << pod_.log();
  EXPECT_EQ(ask(authority_, get("/livez")), "");

  pod_.write("tls/tls.key", authority_.server().key);
  EXPECT_TRUE(eventually([&] { return health_tells(200, "the key is not the certificate's"); }))
      << pod_.log();
  EXPECT_THAT(ask(other, get("/livez")), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(pod_.log(), HasSubstr("the certificate that is mounted is not used"));
  EXPECT_THAT(pod_.log(), ::testing::Not(HasSubstr("PRIVATE KEY")));

  mount(authority_.server());
  EXPECT_TRUE(eventually([&] { return !ask(authority_, get("/livez")).empty(); }));
  EXPECT_TRUE(eventually([&] { return !health_tells(200, "certificate"); }));
  done = true;
  load.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(DataStorageTlsTest, WithoutAPairThePodIsNotReadyAndSaysWhy) {
  begin();
  EXPECT_TRUE(eventually([&] { return health_tells(503, "tls.crt"); })) << pod_.log();
  EXPECT_EQ(pod_.api("GET", "/livez").status, 0U);
  mount(authority_.server());
  ASSERT_TRUE(pod_.becomes_ready()) << pod_.log();
  EXPECT_THAT(ask(authority_, create()), StartsWith("HTTP/1.1 201 Created"));
}

TEST_F(DataStorageTlsTest, ClientsCertificatesAreVerified) {
  const Authority clients;
  mount(authority_.server());
  pod_.write("tls/clients.crt", clients.certificate());
  begin({"--tls-client-ca=" + pod_.path("tls/clients.crt")});
  ASSERT_TRUE(pod_.becomes_ready()) << pod_.log();
  const auto answers = [&](const http::testing::Pair& own) {
    TlsClient client(pod_.api_port(), {.own = own, .trusted = authority_.certificate()});
    return client.send(get("/livez")) && !client.read().empty();
  };
  EXPECT_TRUE(answers({}));
  EXPECT_TRUE(answers(clients.issue({.common_name = "gateway", .alternative_names = {}})));
  EXPECT_FALSE(
      answers(clients.issue({.common_name = "gateway", .alternative_names = {}, .expires_in_days = -1})));
  EXPECT_FALSE(answers(authority_.issue({.common_name = "gateway", .alternative_names = {}})));
}

}  // namespace
}  // namespace storagepool::service
