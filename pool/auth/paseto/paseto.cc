#include "pool/auth/paseto/paseto.h"

#include <algorithm>

#include <sodium.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/pre_authentication.h"

namespace storagepool::auth {
namespace {

constexpr std::string_view kHeader = "v4.public.";
constexpr std::string_view kPublicKeyHeader = "k4.public.";
constexpr std::string_view kSecretKeyHeader = "k4.secret.";

}  // namespace

std::optional<Paseto> parse_paseto(std::string_view token) {
  if (token.size() > kMaxPasetoBytes || !token.starts_with(kHeader)) return std::nullopt;
  token.remove_prefix(kHeader.size());
  const std::size_t dot = token.find('.');
  auto body = encoding::decode_base64url(token.substr(0, dot));
  Paseto parsed;
  if (!body || body->size() <= parsed.signature.size()) return std::nullopt;
  if (dot != std::string_view::npos) {
    auto footer = encoding::decode_base64url(token.substr(dot + 1));
    if (!footer || footer->empty()) return std::nullopt;
    parsed.footer = std::move(*footer);
  }
  const std::size_t message_size = body->size() - parsed.signature.size();
  std::copy(body->begin() + static_cast<std::ptrdiff_t>(message_size), body->end(), parsed.signature.begin());
  body->resize(message_size);
  parsed.message = std::move(*body);
  return parsed;
}

bool verify(const Paseto& token, const PublicKey& key, std::string_view implicit_assertion) {
  const std::string encoded =
      encoding::pre_authentication_encoding({kHeader, token.message, token.footer, implicit_assertion});
  return crypto_sign_verify_detached(token.signature.data(),
                                     reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size(),
                                     key.data()) == 0;
}

tl::expected<PublicKey, std::string> parse_public_key(std::string_view text) {
  if (text.starts_with(kSecretKeyHeader)) {
    return tl::unexpected(std::string("is a secret key, which must not be here: give its k4.public one"));
  }
  std::string bytes;
  if (text.starts_with(kPublicKeyHeader)) {
    bytes = encoding::decode_base64url(text.substr(kPublicKeyHeader.size())).value_or("");
  } else {
    bytes = encoding::decode_hex(text).value_or("");
  }
  PublicKey key{};
  if (bytes.size() != key.size()) {
    return tl::unexpected(std::string("is not a public key: k4.public.… (PASERK) or 64 hexadecimal digits"));
  }
  std::copy(bytes.begin(), bytes.end(), key.begin());
  if (crypto_core_ed25519_is_valid_point(key.data()) != 1) {
    return tl::unexpected(std::string("is not a point that Ed25519 signs with"));
  }
  return key;
}

}  // namespace storagepool::auth
