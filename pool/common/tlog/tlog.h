// A transparency log as C2SP's documents describe it (c2sp.org/tlog-tiles): a Merkle tree over entries that
// only grows, as in RFC 6962 and RFC 9162, 2.1. Pure; one thread at a time for each Hasher. This file has its
// hashes; frontier.h appends, proofs.h proves.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>

#include "pool/common/encoding/sha256.h"

namespace storagepool::tlog {

using Hash = encoding::Sha256;

// A full subtree: of the leaves from index << height, 1 << height of them. Height 0 is a leaf.
struct Subtree {
  unsigned height = 0;
  std::uint64_t index = 0;
  friend auto operator<=>(const Subtree&, const Subtree&) = default;
};

class Hasher {
 public:
  Hash leaf(std::string_view entry);               // SHA-256(0x00 ‖ entry)
  Hash node(const Hash& left, const Hash& right);  // SHA-256(0x01 ‖ left ‖ right)
  Hash empty();                                    // the root of no leaves
  // Of the full subtree over these, from left to right. REQUIRES: a power of two of them.
  Hash subtree(std::span<const Hash> hashes);

 private:
  encoding::Digester digester_;
};

}  // namespace storagepool::tlog
