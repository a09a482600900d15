#include "pool/common/tlog/proofs.h"

#include <algorithm>
#include <bit>

#include "pool/common/runtime/check.h"
#include "pool/common/tlog/frontier.h"

namespace storagepool::tlog {
namespace {

// The full subtrees that the leaves from `begin` until `end` consist of, where `begin` is where the RFC
// splits a tree.
std::vector<Subtree> covering(std::uint64_t begin, std::uint64_t end) {
  std::vector<Subtree> subtrees;
  while (begin < end) {
    const auto height = static_cast<unsigned>(std::bit_width(end - begin) - 1);
    subtrees.push_back({height, begin >> height});
    begin += std::uint64_t{1} << height;
  }
  return subtrees;
}

// Where the RFC splits a tree of more than one leaf: the largest power of two below its size.
std::uint64_t split(std::uint64_t size) {
  return std::bit_floor(size - 1);
}

}  // namespace

Plan inclusion_plan(std::uint64_t index, std::uint64_t size) {
  STORAGEPOOL_INVARIANT(index < size, "no such leaf", {"index", index}, {"size", size});
  Plan plan;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + split(end - begin);
    if (index < middle) {
      plan.push_back(covering(middle, end));
      end = middle;
    } else {
      plan.push_back(covering(begin, middle));
      begin = middle;
    }
  }
  std::ranges::reverse(plan);
  return plan;
}

Plan consistency_plan(std::uint64_t old_size, std::uint64_t size) {
  STORAGEPOOL_INVARIANT(old_size > 0 && old_size <= size, "no such tree", {"old size", old_size},
                        {"size", size});
  Plan plan;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (end != old_size) {
    const std::uint64_t middle = begin + split(end - begin);
    if (old_size <= middle) {
      plan.push_back(covering(middle, end));
      end = middle;
    } else {
      plan.push_back(covering(begin, middle));
      begin = middle;
    }
  }
  if (begin > 0) plan.push_back(covering(begin, end));
  std::ranges::reverse(plan);
  return plan;
}

Plan root_plan(std::uint64_t size) {
  STORAGEPOOL_INVARIANT(size > 0, "the root of no leaves");
  return {covering(0, size)};
}

Kept kept_below(const Subtree& subtree) {
  const unsigned below = subtree.height % kTileHeight;
  return {subtree.height / kTileHeight, subtree.index << below, std::uint64_t{1} << below};
}

Proof make_proof(Hasher& hasher, const Plan& plan, const ReadSubtree& read) {
  Proof proof;
  proof.reserve(plan.size());
  for (const std::vector<Subtree>& subtrees : plan) {
    Hash root = read(subtrees.back());
    for (std::size_t left = subtrees.size() - 1; left > 0; --left) {
      root = hasher.node(read(subtrees[left - 1]), root);
    }
    proof.push_back(root);
  }
  return proof;
}

// RFC 9162, 2.1.3.2.
bool verify_inclusion(Hasher& hasher, const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> proof, const Hash& root) {
  if (index >= size) return false;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = hasher.node(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = hasher.node(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

// RFC 9162, 2.1.4.2.
bool verify_consistency(Hasher& hasher, std::uint64_t old_size, const Hash& old_root, std::uint64_t size,
                        const Hash& root, std::span<const Hash> proof) {
  if (old_size == 0 || old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  // A full tree is in the larger one as it is.
  const bool full = std::has_single_bit(old_size);
  if (!full && proof.empty()) return false;
  std::uint64_t node = old_size - 1;
  std::uint64_t last = size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  Hash old_hash = full ? old_root : proof.front();
  Hash hash = old_hash;
  for (const Hash& sibling : full ? proof : proof.subspan(1)) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      old_hash = hasher.node(sibling, old_hash);
      hash = hasher.node(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = hasher.node(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace storagepool::tlog
