#include "pool/auth/base64url.h"

#include <algorithm>
#include <cstddef>

#include <sodium.h>

#include "pool/common/http/fields.h"

namespace storagepool::auth {
namespace {

bool is_digit(char c) {
  return http::is_alphanumeric(c) || c == '-' || c == '_';
}

}  // namespace

std::optional<std::string> decode_base64url(std::string_view text) {
  // libsodium 1.0.18 takes bytes above 0x7f for '-' where char is signed.
  if (!std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace storagepool::auth
