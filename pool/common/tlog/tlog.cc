#include "pool/common/tlog/tlog.h"

#include <bit>
#include <vector>

#include "pool/common/runtime/check.h"

namespace storagepool::tlog {
namespace {

constexpr std::string_view kLeaf{"\x00", 1};
constexpr std::string_view kNode{"\x01", 1};

std::string_view text_of(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

Hash Hasher::leaf(std::string_view entry) {
  return digester_.sha256(kLeaf, entry);
}

Hash Hasher::node(const Hash& left, const Hash& right) {
  return digester_.sha256(kNode, text_of(left), text_of(right));
}

Hash Hasher::empty() {
  return digester_.sha256({});
}

Hash Hasher::subtree(std::span<const Hash> hashes) {
  STORAGEPOOL_INVARIANT(std::has_single_bit(hashes.size()), "not a full subtree", {"hashes", hashes.size()});
  std::vector<Hash> level(hashes.begin(), hashes.end());
  while (level.size() > 1) {
    for (std::size_t i = 0; i < level.size() / 2; ++i) level[i] = node(level[2 * i], level[2 * i + 1]);
    level.resize(level.size() / 2);
  }
  return level.front();
}

}  // namespace storagepool::tlog
