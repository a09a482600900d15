#include "pool/common/tlog/frontier.h"

#include <algorithm>
#include <bit>

namespace storagepool::tlog {

tl::expected<Frontier, std::string> Frontier::read(std::uint64_t size, std::string_view bytes) {
  const auto roots = static_cast<std::size_t>(std::popcount(size));
  if (bytes.size() != roots * sizeof(Hash)) {
    return tl::unexpected("the frontier of a tree of " + std::to_string(size) + " leaves has " +
                          std::to_string(bytes.size()) +
                          " bytes; allowed: " + std::to_string(roots * sizeof(Hash)));
  }
  Frontier frontier;
  frontier.size_ = size;
  frontier.roots_.resize(roots);
  for (Hash& root : frontier.roots_) {
    std::copy_n(bytes.begin(), root.size(), root.begin());
    bytes.remove_prefix(root.size());
  }
  return frontier;
}

std::string Frontier::bytes() const {
  std::string bytes;
  for (const Hash& root : roots_) bytes.append(root.begin(), root.end());
  return bytes;
}

void Frontier::append(Hasher& hasher, const Hash& leaf, std::vector<LevelNode>& full) {
  Hash root = leaf;
  unsigned height = 0;
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    root = hasher.node(roots_.back(), root);
    roots_.pop_back();
    ++height;
    if (height % kTileHeight == 0) full.push_back({height / kTileHeight, size_ >> height, root});
  }
  roots_.push_back(root);
  ++size_;
}

Hash Frontier::root(Hasher& hasher) const {
  if (roots_.empty()) return hasher.empty();
  Hash root = roots_.back();
  for (std::size_t left = roots_.size() - 1; left > 0; --left) root = hasher.node(roots_[left - 1], root);
  return root;
}

}  // namespace storagepool::tlog
