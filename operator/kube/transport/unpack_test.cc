#include "operator/kube/transport/unpack.h"

#include <gtest/gtest.h>

#include "pool/common/http/message/coding.h"

namespace storagepool::kube {
namespace {

std::string packed(std::string_view text) {
  std::string result;
  http::GzipEncoder().encode(text, true, result);
  return result;
}

std::string long_text() {
  std::string text;
  for (int i = 0; text.size() < 3'000'000; ++i) text += "an item of a list " + std::to_string(i) + "\n";
  return text;
}

TEST(UnpackTest, GivesWhatWasPacked) {
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string(5'000'000, ' '), long_text()}) {
    const auto body = unpack(packed(text), 5'000'000);
    ASSERT_TRUE(body) << body.error().to_string();
    EXPECT_EQ(*body, text);
  }
}

TEST(UnpackTest, NoMoreThanAsked) {
  const std::string bomb = packed(std::string(5'000'000, ' '));
  EXPECT_TRUE(unpack(bomb, 5'000'000));
  const auto body = unpack(bomb, 4'999'999);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().reason, kReasonTooLarge);
}

TEST(UnpackTest, WhatIsCutOffOrNoGzipIsMalformed) {
  const std::string whole = packed(long_text());
  for (const std::string& text : {std::string("{}"), std::string(), whole.substr(0, whole.size() / 2),
                                  whole.substr(0, whole.size() - 1), whole + "more"}) {
    const auto body = unpack(text, 5'000'000);
    ASSERT_FALSE(body) << text.size();
    EXPECT_EQ(body.error().reason, kReasonMalformed);
  }
}

}  // namespace
}  // namespace storagepool::kube
