// A log as its store has it, for tests: entries, the roots of full subtrees that appending has completed, and
// nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/tlog/frontier.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::tlog::testing {

class KeptTree {
 public:
  void append(std::string_view entry) {
    leaves_.push_back(hasher_.leaf(entry));
    std::vector<LevelNode> full;
    frontier_.append(hasher_, leaves_.back(), full);
    for (const LevelNode& node : full) nodes_[{node.level, node.index}] = node.hash;
  }

  const Hash& leaf(std::uint64_t index) const { return leaves_.at(index); }
  // Of all that was appended so far.
  Hash root() { return frontier_.root(hasher_); }
  // Of the first `size`, which may be 0.
  Hash root(std::uint64_t size) { return size == 0 ? hasher_.empty() : prove(root_plan(size)).front(); }
  std::vector<Hash> hashes(const Kept& kept) const {
    std::vector<Hash> hashes;
    for (std::uint64_t at = kept.first; at < kept.first + kept.count; ++at) {
      hashes.push_back(kept.level == 0 ? leaves_.at(at) : nodes_.at({kept.level, at}));
    }
    return hashes;
  }
  Proof prove(const Plan& plan) {
    return make_proof(hasher_, plan, [this](const Subtree& subtree) {
      return hasher_.subtree(hashes(kept_below(subtree)));
    });
  }

 private:
  Hasher hasher_;
  Frontier frontier_;
  std::vector<Hash> leaves_;
  std::map<std::pair<unsigned, std::uint64_t>, Hash> nodes_;
};

}  // namespace storagepool::tlog::testing
