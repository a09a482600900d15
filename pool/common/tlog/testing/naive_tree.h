// The tree of RFC 6962, 2.1, as it is written there, for tests: recursive, over all leaves.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/encoding/sha256.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::tlog::testing {

class NaiveTree {
 public:
  explicit NaiveTree(std::uint64_t size) {
    for (std::uint64_t index = 0; index < size; ++index)
      leaves_.push_back(digest(std::string(1, '\0') + entry(index)));
  }

  static std::string entry(std::uint64_t index) { return "entry " + std::to_string(index); }
  const Hash& leaf(std::uint64_t index) const { return leaves_.at(index); }

  // MTH(D[begin:end])
  Hash root(std::uint64_t begin, std::uint64_t end) {
    if (begin == end) return digest("");
    if (end - begin == 1) return leaves_.at(begin);
    const auto [found, is_new] = known_.try_emplace({begin, end});
    if (!is_new) return found->second;
    const std::uint64_t k = std::bit_floor(end - begin - 1);
    const Hash left = root(begin, begin + k);
    const Hash right = root(begin + k, end);
    return known_[{begin, end}] = digest("\x01" + text(left) + text(right));
  }
  // PATH(m, D[begin:end])
  Proof path(std::uint64_t m, std::uint64_t begin, std::uint64_t end) {
    if (end - begin == 1) return {};
    const std::uint64_t k = std::bit_floor(end - begin - 1);
    Proof proof = m < k ? path(m, begin, begin + k) : path(m - k, begin + k, end);
    proof.push_back(m < k ? root(begin + k, end) : root(begin, begin + k));
    return proof;
  }
  // SUBPROOF(m, D[begin:end], whole)
  Proof subproof(std::uint64_t m, std::uint64_t begin, std::uint64_t end, bool whole) {
    if (m == end - begin) return whole ? Proof{} : Proof{root(begin, end)};
    const std::uint64_t k = std::bit_floor(end - begin - 1);
    Proof proof = m <= k ? subproof(m, begin, begin + k, whole) : subproof(m - k, begin + k, end, false);
    proof.push_back(m <= k ? root(begin + k, end) : root(begin, begin + k));
    return proof;
  }

 private:
  static std::string text(const Hash& hash) { return {hash.begin(), hash.end()}; }
  static Hash digest(const std::string& bytes) { return encoding::sha256(bytes); }

  std::vector<Hash> leaves_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Hash> known_;
};

}  // namespace storagepool::tlog::testing
