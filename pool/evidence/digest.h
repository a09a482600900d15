// HMAC-SHA256 (RFC 2104) of many texts, one after the other, and keys that are made of others.
#pragma once

#include <string>
#include <string_view>

#include "pool/common/encoding/sha256.h"

namespace storagepool::evidence {

using encoding::Sha256;

class Authenticator {
 public:
  explicit Authenticator(std::string_view key);

  // Of the texts as if they were one.
  Sha256 mac(std::string_view first, std::string_view second = {}) const;

 private:
  encoding::Digester inner_;  // both behind the key
  encoding::Digester outer_;
};

// HKDF-SHA256 (RFC 5869) without a salt: 32 bytes. Throws std::runtime_error where OpenSSL has none.
std::string derive_key(std::string_view seed, std::string_view info);

}  // namespace storagepool::evidence
