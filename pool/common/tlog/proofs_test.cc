#include "pool/common/tlog/proofs.h"

#include <random>

#include <gtest/gtest.h>

#include "pool/common/tlog/frontier.h"
#include "pool/common/tlog/testing/naive_tree.h"

namespace storagepool::tlog {
namespace {

using testing::NaiveTree;

constexpr std::uint64_t kSize = 70'000;

class Proofs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { tree_ = new NaiveTree(kSize); }
  static void TearDownTestSuite() { delete tree_; }

  // Of hashes that are kept: of 256^level leaves each.
  Hash read(const Subtree& subtree) {
    const Kept kept = kept_below(subtree);
    std::vector<Hash> hashes;
    const std::uint64_t leaves = std::uint64_t{1} << (kTileHeight * kept.level);
    for (std::uint64_t at = kept.first; at < kept.first + kept.count; ++at) {
      hashes.push_back(tree_->root(at * leaves, (at + 1) * leaves));
    }
    return hasher_.subtree(hashes);
  }
  Proof made(const Plan& plan) {
    return make_proof(hasher_, plan, [&](const Subtree& subtree) { return read(subtree); });
  }

  // Each change of one part of a proof that holds is refused.
  void look_at_inclusion(std::uint64_t index, std::uint64_t size) {
    SCOPED_TRACE(std::to_string(index) + " in " + std::to_string(size));
    const Hash root = tree_->root(0, size);
    Proof proof = made(inclusion_plan(index, size));
    ASSERT_EQ(proof, tree_->path(index, 0, size));
    const Hash& leaf = tree_->leaf(index);
    const auto holds = [&](std::uint64_t at, std::uint64_t of) {
      return verify_inclusion(hasher_, leaf, at, of, proof, root);
    };
    ASSERT_TRUE(holds(index, size));
    EXPECT_FALSE(holds(index + 1, size) && index + 1 != size);
    EXPECT_FALSE(holds(size, size));
    EXPECT_FALSE(holds(index ^ 1, size));
    EXPECT_FALSE(verify_inclusion(hasher_, hasher_.leaf("another"), index, size, proof, root));
    EXPECT_FALSE(verify_inclusion(hasher_, leaf, index, size, proof, hasher_.empty()));
    proof.push_back(root);
    EXPECT_FALSE(holds(index, size));
    proof.pop_back();
    for (Hash& hash : proof) {
      hash[31] ^= 1;
      EXPECT_FALSE(holds(index, size));
      hash[31] ^= 1;
    }
    if (!proof.empty()) {
      proof.pop_back();
      EXPECT_FALSE(holds(index, size));
    }
  }

  void look_at_consistency(std::uint64_t old_size, std::uint64_t size) {
    SCOPED_TRACE(std::to_string(old_size) + " of " + std::to_string(size));
    const Hash old_root = tree_->root(0, old_size);
    const Hash root = tree_->root(0, size);
    Proof proof = made(consistency_plan(old_size, size));
    ASSERT_EQ(proof, tree_->subproof(old_size, 0, size, true));
    const auto holds = [&] { return verify_consistency(hasher_, old_size, old_root, size, root, proof); };
    ASSERT_TRUE(holds());
    EXPECT_FALSE(verify_consistency(hasher_, old_size, hasher_.empty(), size, root, proof));
    EXPECT_FALSE(verify_consistency(hasher_, old_size, old_root, size, hasher_.empty(), proof));
    EXPECT_FALSE(verify_consistency(hasher_, 0, old_root, size, root, proof));
    EXPECT_FALSE(verify_consistency(hasher_, size + 1, old_root, size, root, proof));
    proof.push_back(root);
    EXPECT_FALSE(holds());
    proof.pop_back();
    for (Hash& hash : proof) {
      hash[0] ^= 0x80;
      EXPECT_FALSE(holds());
      hash[0] ^= 0x80;
    }
    if (!proof.empty()) {
      proof.pop_back();
      EXPECT_FALSE(holds());
    }
  }

  static inline NaiveTree* tree_ = nullptr;
  Hasher hasher_;
};

TEST_F(Proofs, OfEveryLeafOfEverySmallTree) {
  for (std::uint64_t size = 1; size <= 40; ++size) {
    for (std::uint64_t index = 0; index < size; ++index) look_at_inclusion(index, size);
  }
}

TEST_F(Proofs, BetweenAllSmallTrees) {
  for (std::uint64_t size = 1; size <= 40; ++size) {
    for (std::uint64_t old_size = 1; old_size <= size; ++old_size) look_at_consistency(old_size, size);
  }
}

TEST_F(Proofs, OfRandomLeavesAndTrees) {
  std::mt19937_64 random(11);  // NOLINT(cert-msc51-cpp): the same sizes every time
  for (int i = 0; i < 60; ++i) {
    const std::uint64_t size = 1 + random() % kSize;
    look_at_inclusion(random() % size, size);
    look_at_consistency(1 + random() % size, size);
    EXPECT_EQ(made(root_plan(size)), Proof{tree_->root(0, size)});
  }
  look_at_inclusion(kSize - 1, kSize);
  look_at_consistency(65'536, kSize);
  look_at_consistency(65'537, kSize);
}

TEST_F(Proofs, AreMadeOfWhatIsKept) {
  EXPECT_EQ(kept_below({0, 5}), (Kept{0, 5, 1}));
  EXPECT_EQ(kept_below({7, 3}), (Kept{0, 384, 128}));
  EXPECT_EQ(kept_below({8, 3}), (Kept{1, 3, 1}));
  EXPECT_EQ(kept_below({17, 1}), (Kept{2, 2, 2}));
}

// What is checked may say anything.
TEST_F(Proofs, OfHostileNumbersAreRefused) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  const Hash root = tree_->root(0, 3);
  for (const std::size_t length : {0U, 1U, 63U, 64U, 65U, 1000U}) {
    const Proof proof(length, root);
    for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{1}, kMost - 1, kMost}) {
      for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{2}, kMost - 1, kMost}) {
        EXPECT_FALSE(verify_inclusion(hasher_, root, index, size, proof, root));
        EXPECT_FALSE(verify_consistency(hasher_, index, root, size, hasher_.empty(), proof));
      }
    }
  }
}

}  // namespace
}  // namespace storagepool::tlog
