#include "pool/common/encoding/sha256.h"

#include <gtest/gtest.h>

namespace storagepool::encoding {
namespace {

// FIPS 180-4's examples.
TEST(Sha256, IsTheStandardsDigest) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abc")[31], 0xad);
}

TEST(Sha256, TakesBytesThatAreNoText) {
  EXPECT_NE(sha256(std::string_view("a\0b", 3)), sha256("a"));
}

TEST(Digester, GivesTheSameForEachText) {
  Digester digester;
  for (const std::string& text : {std::string(), std::string("abc"), std::string(1000, 'x'), std::string()})
    EXPECT_EQ(digester.sha256(text), sha256(text));
  EXPECT_EQ(digester.sha256("a", "b", "c"), sha256("abc"));
  EXPECT_EQ(digester.sha256("", "abc"), sha256("abc"));
  EXPECT_EQ(digester.sha256("ab", "", "c"), sha256("abc"));
}

}  // namespace
}  // namespace storagepool::encoding
