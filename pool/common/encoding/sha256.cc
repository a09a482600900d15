#include "pool/common/encoding/sha256.h"

#include <stdexcept>

#include <openssl/evp.h>

#include "pool/common/encoding/encoding.h"

namespace storagepool::encoding {

Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != digest.size()) {
    throw std::runtime_error("SHA-256 is not available in this OpenSSL");
  }
  return digest;
}

std::string sha256_hex(std::string_view bytes) {
  return encode_hex(sha256(bytes));
}

}  // namespace storagepool::encoding
