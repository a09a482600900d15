#include "pool/common/http/message/forwarded.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::http {
namespace {

constexpr const char* kProxies = "10.0.0.0/8,fd00::/8";

// `fields` are those of X-Forwarded-For, in their order.
std::string client_of(const char* peer, const std::vector<std::string>& fields,
                      const char* trusted = kProxies) {
  std::vector<std::pair<std::string, std::string>> headers{
      {"Host", "203.0.113.200"}, {"X-Real-IP", "203.0.113.201"}, {"Forwarded", "for=203.0.113.202"}};
  for (const std::string& field : fields) headers.emplace_back("x-forwarded-FOR", field);
  headers.emplace_back("X-Forwarded-For-More", "203.0.113.203");
  const auto networks =
      trusted != nullptr ? *settings::parse_networks(trusted) : std::vector<settings::Network>();
  return client_behind(networks, boost::asio::ip::make_address(peer), headers).to_string();
}

TEST(Forwarded, ByDefaultThePeerIsTheClient) {
  EXPECT_EQ(client_of("10.0.0.1", {"192.0.2.7"}, nullptr), "10.0.0.1");
  EXPECT_EQ(client_of("10.0.0.1", {}), "10.0.0.1");
}

TEST(Forwarded, NobodyElseThanATrustedProxyIsBelieved) {
  EXPECT_EQ(client_of("192.0.2.1", {"192.0.2.7"}), "192.0.2.1");
  EXPECT_EQ(client_of("192.0.2.1", {"10.0.0.1"}), "192.0.2.1");
  EXPECT_EQ(client_of("2001:db8::1", {"192.0.2.7"}), "2001:db8::1");
}

TEST(Forwarded, TheLastAddressThatIsNotTrustedIsTheClient) {
  EXPECT_EQ(client_of("10.0.0.1", {"192.0.2.7"}), "192.0.2.7");
  EXPECT_EQ(client_of("10.0.0.1", {"203.0.113.9, 192.0.2.7"}), "192.0.2.7");
  EXPECT_EQ(client_of("10.0.0.1", {"203.0.113.9,192.0.2.7, 10.9.9.9 ,\tfd00::1"}), "192.0.2.7");
  EXPECT_EQ(client_of("fd00::1", {"2001:DB8::7, 10.0.0.1"}), "2001:db8::7");
  EXPECT_EQ(client_of("::ffff:10.0.0.1", {"::ffff:192.0.2.7, ::ffff:10.0.0.2"}), "192.0.2.7");
}

TEST(Forwarded, WhereAllAreTrustedTheFirstIsTheClient) {
  EXPECT_EQ(client_of("10.0.0.1", {"10.0.0.3, 10.0.0.2"}), "10.0.0.3");
}

TEST(Forwarded, SeveralFieldsAreOne) {
  EXPECT_EQ(client_of("10.0.0.1", {"203.0.113.9", "192.0.2.7"}), "192.0.2.7");
  EXPECT_EQ(client_of("10.0.0.1", {"203.0.113.9, 192.0.2.7", "10.0.0.3, 10.0.0.2"}), "192.0.2.7");
}

TEST(Forwarded, PortsAndBracketsAreTakenOff) {
  EXPECT_EQ(client_of("10.0.0.1", {"192.0.2.7:51234"}), "192.0.2.7");
  EXPECT_EQ(client_of("10.0.0.1", {"[2001:db8::7]:51234"}), "2001:db8::7");
  EXPECT_EQ(client_of("10.0.0.1", {"192.0.2.7, [fd00::2]"}), "192.0.2.7");
  EXPECT_EQ(client_of("10.0.0.1", {"192.0.2.7, 10.0.0.2:443"}), "192.0.2.7");
}

TEST(Forwarded, WhatIsNoAddressEndsIt) {
  for (const char* bad : {"",
                          " ",
                          "unknown",
                          "_hidden",
                          "10.0.0",
                          "10.0.0.1:",
                          "10.0.0.1:x",
                          "10.0.0.1:123456",
                          "[10.0.0.1",
                          "10.0.0.1]",
                          "[]",
                          "[fd00::2]443",
                          "[fd00::2]:",
                          "fd00::2]:443",
                          "fd00::2%lo",
                          "10.0.0.1 10.0.0.2",
                          "\"10.0.0.2\"",
                          "10.0.0.2;",
                          "\x01",
                          "\xff\xfe",
                          "0",
                          "::g"}) {
    EXPECT_EQ(client_of("10.0.0.1", {"203.0.113.9, " + std::string(bad)}), "10.0.0.1") << bad;
    EXPECT_EQ(client_of("10.0.0.1", {"203.0.113.9", bad}), "10.0.0.1") << bad;
    EXPECT_EQ(client_of("10.0.0.1", {"203.0.113.9," + std::string(bad) + ",10.0.0.2"}), "10.0.0.2") << bad;
    EXPECT_EQ(client_of("10.0.0.1", {std::string(bad) + ", 192.0.2.7"}), "192.0.2.7") << bad;
  }
}

TEST(Forwarded, LongFieldsAreReadFromTheirEndOnly) {
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += "203.0.113.9,";
  EXPECT_EQ(client_of("10.0.0.1", {many + "192.0.2.7"}), "192.0.2.7");
  EXPECT_EQ(client_of("10.0.0.1", {std::string(1'000'000, '1')}), "10.0.0.1");
  EXPECT_EQ(client_of("10.0.0.1", {std::string(1'000'000, ',')}), "10.0.0.1");
}

}  // namespace
}  // namespace storagepool::http
