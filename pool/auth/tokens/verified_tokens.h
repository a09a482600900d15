// Tokens that were found genuine, by digest, with their claims. Verifying a signature takes some forty times
// as long as looking a token up here. What depends on the time is asked of the claims every time. Bounded: a
// token that is used moves to the recent ones; when those are full they become the older ones, and what was
// older is forgotten.
#pragma once

#include <cstddef>
#include <cstring>
#include <unordered_map>

#include "pool/auth/tokens/claims.h"
#include "pool/auth/tokens/token_digest.h"

namespace storagepool::auth {

// For one thread.
class VerifiedTokens {
 public:
  // Null when it is not known. Good until the next call.
  const Claims* find(const TokenDigest& token);
  void remember(const TokenDigest& token, Claims claims);
  void forget_all();

 private:
  struct Hash {
    std::size_t operator()(const TokenDigest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  using Table = std::unordered_map<TokenDigest, Claims, Hash>;

  Table recent_;
  Table older_;
};

}  // namespace storagepool::auth
