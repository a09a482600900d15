// What has to be kept of a tree to append to it: the roots of the full subtrees that it consists of, at
// most 63. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/common/tlog/tlog.h"

namespace storagepool::tlog {

// Tiles are 256 hashes wide (c2sp.org/tlog-tiles), eight levels of the tree.
inline constexpr unsigned kTileHeight = 8;

// The root of a full subtree of 256^level leaves; level >= 1.
struct LevelNode {
  unsigned level = 0;
  std::uint64_t index = 0;
  Hash hash{};
  friend bool operator==(const LevelNode&, const LevelNode&) = default;
};

class Frontier {
 public:
  Frontier() = default;

  // As bytes() wrote it for a tree of this size; the error says what is wrong.
  static tl::expected<Frontier, std::string> read(std::uint64_t size, std::string_view bytes);
  // The roots, 32 bytes each, from the largest subtree to the smallest: one for each bit of the size.
  std::string bytes() const;

  std::uint64_t size() const { return size_; }
  // Appends a leaf, and to `full` the subtrees of 256^level leaves that it completes, lowest level first.
  void append(Hasher& hasher, const Hash& leaf, std::vector<LevelNode>& full);
  Hash root(Hasher& hasher) const;

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> roots_;
};

}  // namespace storagepool::tlog
