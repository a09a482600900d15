// Proofs of RFC 6962, 2.1 (RFC 9162, 2.1.3 and 2.1.4): that a leaf is in a tree, and that a tree begins with
// a smaller one. Pure: what hashes a proof needs is known from sizes alone, so they are named first (a plan),
// read at once from wherever they are kept, and then put together.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pool/common/tlog/tlog.h"

namespace storagepool::tlog {

using Proof = std::vector<Hash>;  // in the RFC's order: from the leaf's sibling to the child of the root
// Each hash of a proof is the root of some full subtrees, named from left to right.
using Plan = std::vector<std::vector<Subtree>>;

// REQUIRES: index < size.
Plan inclusion_plan(std::uint64_t index, std::uint64_t size);
// REQUIRES: 0 < old_size <= size. Of two of one size it is empty.
Plan consistency_plan(std::uint64_t old_size, std::uint64_t size);
// One hash: the root of the tree of this size. REQUIRES: size > 0.
Plan root_plan(std::uint64_t size);

// The hashes below a full subtree that are kept: those of 256^level leaves each, `first` to `first + count -
// 1`.
struct Kept {
  unsigned level = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 1;
  friend bool operator==(const Kept&, const Kept&) = default;
};
Kept kept_below(const Subtree& subtree);

using ReadSubtree = std::function<Hash(const Subtree&)>;
Proof make_proof(Hasher& hasher, const Plan& plan, const ReadSubtree& read);

// Whether the proof shows it, whatever the numbers and however long the proof.
bool verify_inclusion(Hasher& hasher, const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> proof, const Hash& root);
bool verify_consistency(Hasher& hasher, std::uint64_t old_size, const Hash& old_root, std::uint64_t size,
                        const Hash& root, std::span<const Hash> proof);

}  // namespace storagepool::tlog
