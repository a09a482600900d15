#include "pool/common/tlog/frontier.h"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/tlog/testing/naive_tree.h"

namespace storagepool::tlog {
namespace {

using testing::NaiveTree;

// RFC 6962's tree hash of the eight entries that certificate-transparency's own tests use.
TEST(Frontier, HasTheRootsOfThePublishedVectors) {
  const std::vector<std::string> entries = {
      std::string(),
      std::string(1, '\0'),
      "\x10",
      "\x20\x21",
      "\x30\x31",
      "\x40\x41\x42\x43",
      "\x50\x51\x52\x53\x54\x55\x56\x57",
      "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
  Hasher hasher;
  Frontier frontier;
  std::vector<LevelNode> full;
  EXPECT_EQ(encoding::encode_hex(frontier.root(hasher)),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  std::vector<std::string> roots;
  for (const std::string& entry : entries) {
    frontier.append(hasher, hasher.leaf(entry), full);
    roots.push_back(encoding::encode_hex(frontier.root(hasher)));
  }
  EXPECT_EQ(roots.front(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  EXPECT_EQ(roots.back(), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

// Every size up to 600, and some up to 70,000; kept and read at random places.
TEST(Frontier, HasTheRootOfTheNaiveTreeAtEverySize) {
  constexpr std::uint64_t kSize = 70'000;
  std::mt19937_64 random(7);  // NOLINT(cert-msc51-cpp): the same sizes every time
  std::set<std::uint64_t> looked_at{kSize, 65'535, 65'536, 65'537};
  for (std::uint64_t size = 0; size <= 600; ++size) looked_at.insert(size);
  for (int i = 0; i < 100; ++i) looked_at.insert(random() % kSize);
  NaiveTree tree(kSize);
  Hasher hasher;
  Frontier frontier;
  std::vector<LevelNode> full;
  for (std::uint64_t size = 0;; ++size) {
    ASSERT_EQ(frontier.size(), size);
    if (looked_at.contains(size)) {
      ASSERT_EQ(frontier.root(hasher), tree.root(0, size)) << size;
      const auto again = Frontier::read(size, frontier.bytes());
      ASSERT_TRUE(again) << again.error();
      frontier = *again;
    }
    if (size == kSize) break;
    frontier.append(hasher, hasher.leaf(NaiveTree::entry(size)), full);
  }
  ASSERT_EQ(full.size(), kSize / 256 + kSize / 65'536);
  std::set<std::pair<unsigned, std::uint64_t>> seen;
  for (const LevelNode& node : full) {
    const std::uint64_t leaves = std::uint64_t{1} << (kTileHeight * node.level);
    EXPECT_EQ(node.hash, tree.root(node.index * leaves, (node.index + 1) * leaves))
        << node.level << " " << node.index;
    EXPECT_TRUE(seen.insert({node.level, node.index}).second);
  }
  EXPECT_TRUE(seen.contains({2, 0}));
}

TEST(Frontier, RefusesBytesOfAnotherSize) {
  Hasher hasher;
  Frontier frontier;
  std::vector<LevelNode> full;
  for (int i = 0; i < 5; ++i) frontier.append(hasher, hasher.leaf("e"), full);
  const std::string bytes = frontier.bytes();
  EXPECT_EQ(bytes.size(), 64U);
  EXPECT_TRUE(Frontier::read(5, bytes));
  EXPECT_EQ(Frontier::read(5, bytes.substr(1)).error(),
            "the frontier of a tree of 5 leaves has 63 bytes; allowed: 64");
  EXPECT_FALSE(Frontier::read(4, bytes));
  EXPECT_FALSE(Frontier::read(0, bytes));
  EXPECT_TRUE(Frontier::read(0, ""));
}

}  // namespace
}  // namespace storagepool::tlog
