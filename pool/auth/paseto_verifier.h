// Which PASETO tokens admit: those signed with one of the keys in a mounted folder and valid now. The folder
// is read anew when it was last read long enough ago. Verifying a signature takes some forty times as long as
// looking a token up, so tokens that were found genuine are remembered, by digest, until the keys change;
// whether they are valid is asked every time. Tokens that were refused are not remembered.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/bearer.h"
#include "pool/auth/paseto_claims.h"
#include "pool/auth/paseto_keys.h"
#include "pool/auth/token_digest.h"
#include "pool/common/http/access.h"

namespace storagepool::auth {

// The claims of a token that one of `keys` signed.
std::optional<PasetoClaims> genuine_claims(std::string_view token, const std::vector<PublicKey>& keys);

// For one thread.
class PasetoVerifier {
 public:
  PasetoVerifier(std::string folder, std::chrono::steady_clock::duration reread);

  // What the token gives, or that it is expired or invalid.
  tl::expected<http::Access, Refusal> admit(std::string_view token, std::chrono::steady_clock::time_point now,
                                            runtime::Timestamp wall);

  // What is wrong with the keys; empty when nothing is.
  const std::vector<std::string>& problems(std::chrono::steady_clock::time_point now);

 private:
  struct Hash {
    std::size_t operator()(const TokenDigest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  using Table = std::unordered_map<TokenDigest, PasetoClaims, Hash>;

  const PublicKeys& keys(std::chrono::steady_clock::time_point now);
  std::optional<PasetoClaims> claims_of(std::string_view token, const std::vector<PublicKey>& keys);

  std::string folder_;
  std::chrono::steady_clock::duration reread_;
  std::optional<std::chrono::steady_clock::time_point> read_at_;
  PublicKeys keys_;
  // A token that is used moves to the recent ones; when those are full they become the older ones, and what
  // was older is forgotten.
  Table recent_;
  Table older_;
};

}  // namespace storagepool::auth
