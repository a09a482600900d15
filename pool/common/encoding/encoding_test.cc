#include "pool/common/encoding/encoding.h"

#include <array>

#include <gtest/gtest.h>

namespace storagepool::encoding {
namespace {

TEST(EncodeHex, TwoDigitsForEachByte) {
  EXPECT_EQ(encode_hex(""), "");
  EXPECT_EQ(encode_hex(std::array<std::uint8_t, 3>{0x00, 0x0a, 0xff}), "000aff");
  EXPECT_EQ(encode_hex(std::string_view("\0\n\xff", 3)), "000aff");
}

TEST(DecodeHex, IsTheInverseInEitherCase) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(decode_hex(encode_hex(bytes)), bytes);
  EXPECT_EQ(decode_hex("fFaB"), "\xff\xab");
  EXPECT_EQ(decode_hex(""), "");
  for (const char* bad : {"0", "0g", "g0", " 0", "0x", "00 ", "-1"}) EXPECT_FALSE(decode_hex(bad)) << bad;
}

TEST(EncodeBase64, AsTheStandardSays) {
  // RFC 4648, section 10.
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("foo"), "Zm9v");
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(encode_base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encode_base64("\xfb\xff\xbf"), "+/+/");
}

TEST(DecodeBase64, DecodesAndRefuses) {
  EXPECT_EQ(decode_base64("").value(), "");
  EXPECT_EQ(decode_base64("Zm9vYg==").value(), "foob");
  EXPECT_EQ(decode_base64("Zm9v\nYmE=").value(), "fooba");
  EXPECT_EQ(decode_base64("+/+/").value(), "\xfb\xff\xbf");
  for (const char* bad : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Z-8=", "=Zg="}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
}

TEST(DecodeBase64, IsTheInverseOfEncoding) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    EXPECT_EQ(decode_base64(encode_base64(bytes)).value(), bytes);
  }
}

TEST(DecodeBase64, TheErrorDoesNotShowTheText) {
  EXPECT_EQ(decode_base64("hunter2!").error(), "not base64");
}

TEST(EncodingTest, Base64UrlHasNoPaddingAndItsOwnTwoDigits) {
  EXPECT_EQ(encode_base64url(""), "");
  EXPECT_EQ(encode_base64url("f"), "Zg");
  EXPECT_EQ(encode_base64url("fo"), "Zm8");
  EXPECT_EQ(encode_base64url("foo"), "Zm9v");
  EXPECT_EQ(encode_base64url("\xfb\xff\xbf"), "-_-_");
  for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xfb\xff\xbf"}) {
    EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes);
  }
  for (const char* other : {"Zg==", "Zm8=", "+/+/", "Z", "Zm9vZ", "Zg Zg", "Zh", "Zm9", "Zm9v\n", "Zm9\xff"})
    EXPECT_FALSE(decode_base64url(other)) << other;
}

}  // namespace
}  // namespace storagepool::encoding
