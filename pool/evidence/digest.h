// HMAC-SHA256 (RFC 2104) of many texts, one after the other: OpenSSL's algorithm is looked up and its context
// made once, which costs more than a short text's MAC. One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "pool/common/encoding/sha256.h"

namespace storagepool::evidence {

using encoding::Sha256;

namespace detail {
template <auto free>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
}  // namespace detail

class Authenticator {
 public:
  explicit Authenticator(std::string_view key);  // throws std::runtime_error where OpenSSL has no HMAC

  // Of the texts as if they were one.
  Sha256 mac(std::string_view first, std::string_view second = {});

 private:
  std::unique_ptr<EVP_MAC_CTX, detail::Free<EVP_MAC_CTX_free>> context_;
};

// HKDF-SHA256 (RFC 5869) without a salt: 32 bytes.
std::string derive_key(std::string_view seed, std::string_view info);

}  // namespace storagepool::evidence
