#include "pool/auth/paseto.h"

#include <algorithm>
#include <initializer_list>

#include <sodium.h>

#include "pool/auth/base64url.h"

namespace storagepool::auth {
namespace {

constexpr std::string_view kHeader = "v4.public.";
constexpr std::string_view kPublicKeyHeader = "k4.public.";
constexpr std::string_view kSecretKeyHeader = "k4.secret.";

std::optional<std::string> decode_hex(std::string_view text) {
  std::string bytes(text.size() / 2, '\0');
  std::size_t size = 0;
  if (sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(),
                     nullptr, &size, nullptr) != 0) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

void append_le64(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>((value >> shift) & 0xff);
}

// Pre-authentication encoding: no two lists of pieces are encoded alike.
std::string encode_pieces(std::initializer_list<std::string_view> pieces) {
  std::string out;
  std::size_t size = 8;
  for (const std::string_view piece : pieces) size += 8 + piece.size();
  out.reserve(size);
  append_le64(out, pieces.size());
  for (const std::string_view piece : pieces) {
    append_le64(out, piece.size());
    out += piece;
  }
  return out;
}

}  // namespace

std::optional<Paseto> parse_paseto(std::string_view token) {
  if (token.size() > kMaxPasetoBytes || !token.starts_with(kHeader)) return std::nullopt;
  token.remove_prefix(kHeader.size());
  const std::size_t dot = token.find('.');
  auto body = decode_base64url(token.substr(0, dot));
  Paseto parsed;
  if (!body || body->size() <= parsed.signature.size()) return std::nullopt;
  if (dot != std::string_view::npos) {
    auto footer = decode_base64url(token.substr(dot + 1));
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
  const std::string encoded = encode_pieces({kHeader, token.message, token.footer, implicit_assertion});
  return crypto_sign_verify_detached(token.signature.data(),
                                     reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size(),
                                     key.data()) == 0;
}

tl::expected<PublicKey, std::string> parse_public_key(std::string_view text) {
  if (text.starts_with(kSecretKeyHeader)) {
    return tl::unexpected(std::string("is a secret key, which must not be here: give its k4.public one"));
  }
  const auto bytes = text.starts_with(kPublicKeyHeader)
                         ? decode_base64url(text.substr(kPublicKeyHeader.size()))
                         : decode_hex(text);
  PublicKey key{};
  if (!bytes || bytes->size() != key.size()) {
    return tl::unexpected(std::string("is not a public key: k4.public.… (PASERK) or 64 hexadecimal digits"));
  }
  std::copy(bytes->begin(), bytes->end(), key.begin());
  if (crypto_core_ed25519_is_valid_point(key.data()) != 1) {
    return tl::unexpected(std::string("is not a point that Ed25519 signs with"));
  }
  return key;
}

}  // namespace storagepool::auth
