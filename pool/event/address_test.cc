#include "pool/event/address.h"

#include <gtest/gtest.h>

namespace storagepool::event {
namespace {

TEST(CanonicalAddress, IsOneSpellingOfEachAddress) {
  const struct {
    const char* given;
    const char* canonical;
  } kAddresses[] = {{"192.0.2.7", "192.0.2.7"},
                    {"2001:DB8::1", "2001:db8::1"},
                    {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
                    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                    {"0:0:0:0:0:0:0:0", "::"},
                    {"::0:1", "::1"},
                    {"::FFFF:c000:207", "::ffff:192.0.2.7"},
                    {"::192.0.2.7", "::192.0.2.7"},
                    {"64:ff9b::192.0.2.7", "64:ff9b::c000:207"}};
  for (const auto& [given, canonical] : kAddresses) {
    EXPECT_EQ(canonical_address(given), canonical);
    EXPECT_EQ(canonical_address(canonical), canonical);
  }
}

TEST(CanonicalAddress, IsOfAddressesOnly) {
  for (const char* bad :
       {"", "zzz", "192.0.2.256", "192.0.2", "1.2.3.4/8", "fe80::1%eth0", "localhost", "1.2.3.4 ",
        "::1::", "192.0.02.7", "00.0.0.0", "0x1.2.3.4", "16909060", "192.0.2.7\n"})
    EXPECT_EQ(canonical_address(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace storagepool::event
