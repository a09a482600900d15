// A transparency log as C2SP's documents describe it (c2sp.org/tlog-tiles): a Merkle tree over entries that
// only grows, as in RFC 6962 and RFC 9162, 2.1. Pure; one thread at a time for each Hasher. This file has its
// hashes; frontier.h appends, proofs.h proves.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <openssl/evp.h>

#include "pool/common/encoding/sha256.h"

namespace storagepool::tlog {

using Hash = encoding::Sha256;

// A full subtree: of the leaves from index << height, 1 << height of them. Height 0 is a leaf.
struct Subtree {
  unsigned height = 0;
  std::uint64_t index = 0;
  friend auto operator<=>(const Subtree&, const Subtree&) = default;
};

// SHA-256 from OpenSSL, looked up and made ready once. Throws std::runtime_error where OpenSSL has none.
class Hasher {
 public:
  Hasher();

  Hash leaf(std::string_view entry);               // SHA-256(0x00 ‖ entry)
  Hash node(const Hash& left, const Hash& right);  // SHA-256(0x01 ‖ left ‖ right)
  Hash empty();                                    // the root of no leaves
  // Of the full subtree over these, from left to right. REQUIRES: a power of two of them.
  Hash subtree(std::span<const Hash> hashes);

 private:
  struct Free {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  Hash digest(std::string_view prefix, std::string_view first, std::string_view second = {});

  std::unique_ptr<EVP_MD, Free> algorithm_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace storagepool::tlog
