#include "pool/common/settings/networks.h"

#include <string>

#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

bool within(const char* networks, const char* address) {
  const auto parsed = parse_networks(networks);
  const auto one = parse_address(address);
  EXPECT_TRUE(parsed) << networks;
  EXPECT_TRUE(one) << address;
  return parsed && one && contains(*parsed, *one);
}

TEST(NetworksSetting, HaveTheAddressesOfTheirPrefix) {
  EXPECT_TRUE(within("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(within("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(within("10.1.2.3/8", "10.9.9.9"));
  EXPECT_TRUE(within("192.0.2.7/32", "192.0.2.7"));
  EXPECT_FALSE(within("192.0.2.7/32", "192.0.2.6"));
  EXPECT_TRUE(within("192.0.2.128/25", "192.0.2.129"));
  EXPECT_FALSE(within("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(within("fd00::/8", "fdff::1"));
  EXPECT_FALSE(within("fd00::/8", "fe00::1"));
  EXPECT_TRUE(within("2001:DB8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(within("2001:DB8::/33", "2001:db8:8000::"));
  EXPECT_TRUE(within("2001:db8::1/128", "2001:0db8:0:0::1"));
  EXPECT_TRUE(within("192.0.2.0/24,::1/128", "::1"));
}

TEST(NetworksSetting, OfOneFamilyHaveNoAddressOfTheOther) {
  EXPECT_TRUE(within("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(within("0.0.0.0/0", "::"));
  EXPECT_TRUE(within("::/0", "ffff::"));
  EXPECT_FALSE(within("::/0", "0.0.0.0"));
}

TEST(NetworksSetting, ReadIPv4WithinIPv6AsIPv4) {
  EXPECT_EQ(parse_address("::ffff:10.1.2.3"), parse_address("10.1.2.3"));
  EXPECT_TRUE(within("10.0.0.0/8", "::ffff:a01:203"));
  EXPECT_TRUE(within("::ffff:a00:0/104", "10.1.2.3"));
  EXPECT_FALSE(within("::ffff:a00:0/104", "11.1.2.3"));
  EXPECT_FALSE(within("::ffff:0:0/95", "10.1.2.3"));
}

TEST(NetworksSetting, AreNothingElse) {
  for (const char* bad : {"",
                          ",",
                          "10.0.0.0",
                          "10.0.0.0/",
                          "/8",
                          "10.0.0.0/33",
                          "10.0.0.0/-1",
                          "10.0.0.0/+8",
                          "10.0.0.0/08",
                          "10.0.0.0/8/8",
                          "10.0.0.0/8 ",
                          " 10.0.0.0/8",
                          "10.0.0/8",
                          "10.0.0.256/8",
                          "010.0.0.0/8",
                          "10.0.0.0/8,",
                          "10.0.0.0/8,,::/0",
                          "10.0.0.0/8, ::/0",
                          "fd00::/129",
                          "fd00::g/8",
                          "fd00:/8",
                          "[fd00::]/8",
                          "fe80::1%lo/64",
                          "::ffff:10.0.0.0/104",
                          "localhost/8",
                          "10.0.0.0/255.0.0.0",
                          "1:2:3:4:5:6:7:8:9/8"}) {
    EXPECT_FALSE(parse_networks(bad)) << bad;
    EXPECT_FALSE(accepts_network(bad)) << bad;
  }
  EXPECT_FALSE(accepts_network("10.0.0.0/8,fd00::/8"));
  EXPECT_FALSE(parse_networks(std::string("10.0.0.0\0/8", 11)));
  for (const char* bad :
       {"", "10.0.0.1:80", "[::1]", "[::1]:80", "::1%lo", "unknown", "10.0.0.1 ", "1", "0x7f.1"})
    EXPECT_FALSE(parse_address(bad)) << bad;
}

TEST(NetworksSetting, AreBoundedInLengthAndNumber) {
  const std::string longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128";
  EXPECT_EQ(longest.size(), kMaxNetworkText);
  EXPECT_TRUE(accepts_network(longest));
  EXPECT_FALSE(parse_address(std::string(100'000, ':')));
  std::string most = longest;
  for (std::size_t i = 1; i < kMaxNetworks; ++i) most += "," + longest;
  EXPECT_TRUE(parse_networks(most));
  EXPECT_FALSE(parse_networks(most + "," + longest));
}

}  // namespace
}  // namespace storagepool::settings
