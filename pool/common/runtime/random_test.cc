#include "pool/common/runtime/random.h"

#include <array>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::runtime {
namespace {

using Id = std::array<std::uint8_t, 16>;

std::vector<Id> ids(std::size_t count) {
  std::vector<Id> made(count);
  for (Id& id : made) fill_random(id);
  return made;
}

TEST(FillRandom, GivesNoIdTwiceOnAnyThread) {
  constexpr std::size_t kEach = 2000;
  std::array<std::vector<Id>, 4> made;
  std::vector<std::thread> threads;
  threads.reserve(made.size());
  for (auto& mine : made) threads.emplace_back([&mine] { mine = ids(kEach); });
  for (std::thread& thread : threads) thread.join();
  std::set<Id> all;
  for (const auto& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), kEach * made.size());
}

TEST(FillRandom, FillsMoreThanItsStock) {
  std::vector<std::uint8_t> bytes(4096);
  fill_random(bytes);
  std::array<int, 256> counts{};
  for (const std::uint8_t byte : bytes) ++counts.at(byte);
  for (const int count : counts) EXPECT_LT(count, 64);  // 16 are expected: 64 is 12 deviations away
}

}  // namespace
}  // namespace storagepool::runtime
