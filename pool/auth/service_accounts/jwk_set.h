// Public keys as a JWK set (RFC 7517, RFC 7518 section 6): RSA of 2048 to 8192 bits for RS256 and points of
// P-256 for ES256. Keys of other kinds, or meant for other things than signatures (`use`, `key_ops`, `alg`),
// are not used and reported by their place in the set; they do not disturb the others.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>

#include "pool/auth/service_accounts/jwt.h"
#include "pool/common/json/json.h"

namespace storagepool::auth {

inline constexpr std::size_t kMaxJwks = 32;  // of a larger set the others are not used
inline constexpr int kMinRsaBits = 2048;
inline constexpr int kMaxRsaBits = 8192;

struct Jwk {
  std::string key_id;
  JwtAlgorithm algorithm = JwtAlgorithm::kRs256;
  std::shared_ptr<EVP_PKEY> key;
};

struct JwkSet {
  std::vector<Jwk> keys;
  std::vector<std::string> problems;  // e.g. "key 2 has no kid"

  // The key that the token names, for the algorithm that it names; null when there is none.
  const Jwk* find(const Jwt& token) const;
};

// What is no JWK set at all is one problem and no key.
JwkSet parse_jwk_set(const json::Json& set);

// Whether the holder of the key signed the token.
bool verify(const Jwt& token, const Jwk& key);

}  // namespace storagepool::auth
