#include "pool/settings/bytes.h"

#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

TEST(ParseBytes, reads_whole_binary_multiples) {
  EXPECT_EQ(parse_bytes("0"), 0);
  EXPECT_EQ(parse_bytes("1000"), 1000);
  EXPECT_EQ(parse_bytes("3Ki"), 3 * 1024);
  EXPECT_EQ(parse_bytes("512Mi"), 512LL << 20);
  EXPECT_EQ(parse_bytes("1Gi"), 1LL << 30);
  EXPECT_EQ(parse_bytes("2Ti"), 2LL << 40);
  EXPECT_EQ(parse_bytes("9223372036854775807"), 9223372036854775807LL);
}

TEST(ParseBytes, refuses_everything_else) {
  for (const char* bad : {"", "Gi", "-1", "+1", "1.5Gi", "1G", "1gi", "1 Gi", " 1", "1Gi ", "0x10", "1Pi",
                          "9223372036854775808", "9007199254740992Ki", "8388608Ti"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
}

TEST(FormatBytes, is_short_and_reads_back) {
  for (const char* text : {"0", "1", "1000", "1Ki", "1536Mi", "1Gi", "5Ti"}) {
    EXPECT_EQ(format_bytes(parse_bytes(text).value()), text);
  }
}

}  // namespace
}  // namespace storagepool::settings
