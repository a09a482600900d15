#include "pool/auth/tokens/token_digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace storagepool::auth {

TokenDigest digest_of(std::string_view token) {
  TokenDigest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

bool same(const TokenDigest& a, const TokenDigest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace storagepool::auth
