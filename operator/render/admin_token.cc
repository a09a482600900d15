#include "operator/render/admin_token.h"

#include <array>
#include <span>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "pool/common/encoding/encoding.h"

namespace storagepool::render {
std::string admin_token(std::string_view key, std::string_view uid) {
  const std::string message = "storagepool.dev/admin-token/" + std::string(uid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
           &size) == nullptr) {
    throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL");
  }
  return encoding::encode_hex(std::span(digest.data(), size));
}

}  // namespace storagepool::render
