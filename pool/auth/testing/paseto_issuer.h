// Signs PASETO v4.public tokens, for tests: written from the specification alone, so that it and the verifier
// do not share a mistake.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sodium.h>

namespace storagepool::auth::testing {

inline std::string base64url(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();  // the terminating NUL
  return text;
}

class PasetoIssuer {
 public:
  using Seed = std::array<std::uint8_t, crypto_sign_SEEDBYTES>;

  // The key pair that belongs to a seed (RFC 8032 §5.1.5).
  explicit PasetoIssuer(const Seed& seed) {
    crypto_sign_seed_keypair(public_key_.data(), secret_key_.data(), seed.data());
  }
  explicit PasetoIssuer(std::uint8_t number) : PasetoIssuer(Seed{number}) {}

  std::string public_key_bytes() const { return {public_key_.begin(), public_key_.end()}; }
  std::string public_key() const { return "k4.public." + base64url(public_key_bytes()); }
  std::string public_key_hex() const {
    std::string text(2 * public_key_.size() + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), public_key_.data(), public_key_.size());
    text.pop_back();
    return text;
  }

  std::string token(std::string_view message, std::string_view footer = {},
                    std::string_view implicit_assertion = {}) const {
    std::string signed_bytes = length(4);
    for (const std::string_view piece :
         {std::string_view("v4.public."), message, footer, implicit_assertion}) {
      signed_bytes += length(piece.size());
      signed_bytes += piece;
    }
    std::string body(message);
    body.resize(message.size() + crypto_sign_BYTES);
    crypto_sign_detached(reinterpret_cast<unsigned char*>(body.data()) + message.size(), nullptr,
                         reinterpret_cast<const unsigned char*>(signed_bytes.data()), signed_bytes.size(),
                         secret_key_.data());
    std::string token = "v4.public." + base64url(body);
    if (!footer.empty()) token += "." + base64url(footer);
    return token;
  }

 private:
  static std::string length(std::uint64_t value) {
    std::string bytes(8, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(value & 0xff);
      value >>= 8;
    }
    return bytes;
  }

  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_key_{};
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret_key_{};
};

}  // namespace storagepool::auth::testing
