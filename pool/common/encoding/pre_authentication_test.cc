#include "pool/common/encoding/pre_authentication.h"

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"

namespace storagepool::encoding {
namespace {

// From the specification of PASETO.
TEST(PreAuthentication, EncodesTheExamplesOfTheSpecification) {
  const auto hex = [](std::initializer_list<std::string_view> pieces) {
    return encode_hex(pre_authentication_encoding(pieces));
  };
  EXPECT_EQ(hex({}), "0000000000000000");
  EXPECT_EQ(hex({""}), "01000000000000000000000000000000");
  EXPECT_EQ(hex({"", ""}), "020000000000000000000000000000000000000000000000");
  EXPECT_EQ(hex({"test"}), "0100000000000000040000000000000074657374");
  EXPECT_EQ(hex({"Paragon"}), "0100000000000000070000000000000050617261676f6e");
}

TEST(PreAuthentication, WhereAPieceEndsMatters) {
  EXPECT_NE(pre_authentication_encoding({"ab", "c"}), pre_authentication_encoding({"a", "bc"}));
}

}  // namespace
}  // namespace storagepool::encoding
