#include "pool/common/settings/bytes.h"

#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

TEST(ParseBytes, ReadsWholeBinaryMultiples) {
  EXPECT_EQ(parse_bytes("0"), 0);
  EXPECT_EQ(parse_bytes("1000"), 1000);
  EXPECT_EQ(parse_bytes("3Ki"), 3 * 1024);
  EXPECT_EQ(parse_bytes("512Mi"), 512LL << 20);
  EXPECT_EQ(parse_bytes("1Gi"), 1LL << 30);
  EXPECT_EQ(parse_bytes("2Ti"), 2LL << 40);
  EXPECT_EQ(parse_bytes("9223372036854775807"), 9223372036854775807LL);
}

TEST(ParseBytes, ReadsDecimalMultiplesAndFractionsAsKubernetesDoes) {
  EXPECT_EQ(parse_bytes("1k"), 1000);
  EXPECT_EQ(parse_bytes("7M"), 7'000'000);
  EXPECT_EQ(parse_bytes("1G"), 1'000'000'000);
  EXPECT_EQ(parse_bytes("2T"), 2'000'000'000'000);
  EXPECT_EQ(parse_bytes("1.5Gi"), 3LL << 29);
  EXPECT_EQ(parse_bytes("0.25Ki"), 256);
  EXPECT_EQ(parse_bytes("1.001k"), 1001);
  EXPECT_EQ(parse_bytes("0.3Ki"), 308);  // 307.2
  EXPECT_EQ(parse_bytes("1.5"), 2);
  EXPECT_EQ(parse_bytes("0.0"), 0);
  EXPECT_EQ(parse_bytes("0.999Ti"), 1'098'412'116'149);  // 1098412116148.224
  EXPECT_EQ(parse_bytes("8388607.999Ti"), 9223372035755264181LL);
}

TEST(ParseBytes, RefusesEverythingElse) {
  for (const char* bad : {"",
                          "Gi",
                          "-1",
                          "+1",
                          ".5Gi",
                          "1.Gi",
                          "1.2345Gi",
                          "1.-5Gi",
                          "1..5",
                          "1.5.5",
                          "1gi",
                          "1K",
                          "1m",
                          "1 Gi",
                          " 1",
                          "1Gi ",
                          "0x10",
                          "1e9",
                          "1Pi",
                          "9223372036854775808",
                          "9223372036854775807.1",
                          "9007199254740992Ki",
                          "8388608Ti",
                          "9223372036855T"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
}

TEST(FormatBytes, IsShortAndReadsBack) {
  for (const char* text : {"0", "1", "1000", "1Ki", "1536Mi", "1Gi", "5Ti"}) {
    EXPECT_EQ(format_bytes(parse_bytes(text).value()), text);
  }
}

}  // namespace
}  // namespace storagepool::settings
