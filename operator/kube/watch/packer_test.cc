#include "operator/kube/watch/packer.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

std::string text_of(int number) {
  std::string text = "{\"name\":\"p" + std::to_string(number) + "\"";
  for (int i = 0; i < 100; ++i)
    text += ",\"member" + std::to_string(i * i) + "\":\"value " + std::to_string(7 * i) + "\"";
  return text + "}";
}

TEST(Packer, GivesBackWhatItWasGiven) {
  Packer packer;
  std::vector<std::string> packed;
  for (int i = 0; i < 100; ++i) packed.push_back(packer.pack(text_of(i)));
  for (const std::string& other : {std::string(), std::string("{}"), std::string(3, '\xff')})
    EXPECT_EQ(packer.unpack(packer.pack(other)), other);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(packer.unpack(packed[static_cast<std::size_t>(i)]), text_of(i));
}

TEST(Packer, AlikeTextsTakeATenthOfTheRoom) {
  Packer packer;
  packer.pack(text_of(0));
  EXPECT_LT(packer.pack(text_of(12345)).size(), text_of(12345).size() / 10);
}

TEST(Packer, AnEmptyFirstTextIsADictionaryToo) {
  Packer packer;
  EXPECT_EQ(packer.unpack(packer.pack("")), "");
  EXPECT_EQ(packer.unpack(packer.pack(text_of(1))), text_of(1));
}

TEST(Packer, ThreadsShareIt) {
  Packer packer;
  const std::string first = packer.pack(text_of(1));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 200; ++j) {
        EXPECT_EQ(packer.unpack(packer.pack(text_of(200 * i + j))), text_of(200 * i + j));
        EXPECT_EQ(packer.unpack(first), text_of(1));
      }
    });
  }
}

}  // namespace
}  // namespace storagepool::kube
