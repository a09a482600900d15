#include "pool/evidence/digest.h"

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"

namespace storagepool::evidence {
namespace {

std::string mac_of(std::string_view key, std::string_view first, std::string_view second = {}) {
  return encoding::encode_hex(Authenticator(key).mac(first, second));
}

// RFC 4231, 4.2, 4.3 and 4.7.
TEST(Authenticator, GivesTheMacsOfTheStandard) {
  EXPECT_EQ(mac_of(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(mac_of("Jefe", "what do ya want ", "for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(mac_of(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Authenticator, GivesTheSameForEachText) {
  const Authenticator authenticator("a key");
  EXPECT_EQ(authenticator.mac("a text"), authenticator.mac("a text"));
  EXPECT_EQ(authenticator.mac("a ", "text"), authenticator.mac("a text"));
  EXPECT_NE(authenticator.mac("another"), authenticator.mac("a text"));
}

}  // namespace
}  // namespace storagepool::evidence
