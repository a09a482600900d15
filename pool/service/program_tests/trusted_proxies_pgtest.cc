// Who a request came from, behind nginx, which adds to the field X-Forwarded-For that it was sent, and
// HAProxy, which adds a field of its own.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/program_tests/testing/proxy.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::kEvents;
using testing::kProxyAddress;
using testing::Proxy;
using testing::ProxyKind;
using testing::valid_event;

class DataStorageTrustedProxiesTest : public testing::ProgramTest {
 protected:
  testing::HttpResponse create(std::uint16_t port, const std::vector<std::string>& forwarded) const {
    testing::HttpHeaders headers{{"Content-Type", "application/json"}, {"X-Real-IP", "203.0.113.1"}};
    for (const std::string& field : forwarded) headers.emplace_back("X-Forwarded-For", field);
    return testing::http(port, "POST", kEvents, headers, valid_event().dump());
  }
  // That an event was recorded with which is sent with these fields.
  std::string received_from(std::uint16_t port, const std::vector<std::string>& forwarded = {}) const {
    const auto created = create(port, forwarded);
    EXPECT_EQ(created.status, 201U) << created.body;
    const std::string id = json::parse(created.body).value("event_id", "");
    return json::parse(pod_.api("GET", kEvents + "/" + id).body).value("received_from", "");
  }
};

TEST_F(DataStorageTrustedProxiesTest, NobodyIsBelievedByDefault) {
  start();
  EXPECT_EQ(received_from(pod_.api_port(), {"192.0.2.7"}), "127.0.0.1");
  for (const ProxyKind kind : {ProxyKind::kNginx, ProxyKind::kHaproxy}) {
    const Proxy proxy(kind, pod_.api_port(), std::nullopt);
    EXPECT_EQ(received_from(proxy.port(), {"192.0.2.7"}), kProxyAddress);
  }
}

TEST_F(DataStorageTrustedProxiesTest, ATrustedProxySaysWhoTheClientIs) {
  start({"--trusted-proxies=2001:db8::/32," + kProxyAddress + "/32", "--access-log=1"});
  EXPECT_EQ(received_from(pod_.api_port(), {"192.0.2.7"}), "127.0.0.1");
  for (const ProxyKind kind : {ProxyKind::kNginx, ProxyKind::kHaproxy}) {
    const Proxy proxy(kind, pod_.api_port(), std::nullopt);
    EXPECT_EQ(received_from(proxy.port()), "127.0.0.1");
    EXPECT_EQ(received_from(proxy.port(), {"192.0.2.7, " + kProxyAddress}), "127.0.0.1");
    EXPECT_EQ(received_from(proxy.port(), {"192.0.2.7", "[::1]:80, garbage"}), "127.0.0.1");
    EXPECT_EQ(received_from(proxy.port(), {std::string(6000, ',')}), "127.0.0.1");
  }
  EXPECT_THAT(pod_.log(), HasSubstr("\"client\":\"127.0.0.1\""));
  EXPECT_THAT(pod_.log(), ::testing::Not(HasSubstr("\"client\":\"" + kProxyAddress)));
}

// The client is a proxy as well, and says for whom.
TEST_F(DataStorageTrustedProxiesTest, SeveralProxiesSayItTogether) {
  start({"--trusted-proxies=127.0.0.0/8"});
  for (const ProxyKind kind : {ProxyKind::kNginx, ProxyKind::kHaproxy}) {
    const Proxy proxy(kind, pod_.api_port(), std::nullopt);
    EXPECT_EQ(received_from(proxy.port(), {"203.0.113.9, 192.0.2.7:4711, 127.0.0.9"}), "192.0.2.7");
    EXPECT_EQ(received_from(proxy.port(), {"203.0.113.9", "2001:db8::7"}), "2001:db8::7");
    EXPECT_EQ(received_from(proxy.port(), {"203.0.113.9, unknown"}), "127.0.0.1");
  }
}

TEST_F(DataStorageTrustedProxiesTest, TheRateIsThatOfTheClient) {
  start({"--trusted-proxies=127.0.0.0/8", "--rate-limit=0.001", "--rate-limit-burst=1"});
  EXPECT_EQ(create(pod_.api_port(), {"192.0.2.7"}).status, 201U);
  EXPECT_EQ(create(pod_.api_port(), {"192.0.2.8"}).status, 201U);
  EXPECT_EQ(create(pod_.api_port(), {"192.0.2.7"}).status, 429U);
  EXPECT_EQ(create(pod_.api_port(), {"192.0.2.9, 192.0.2.7"}).status, 429U);
}

}  // namespace
}  // namespace storagepool::service
