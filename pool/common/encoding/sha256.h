// SHA-256 (FIPS 180-4), from OpenSSL. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <openssl/sha.h>

namespace storagepool::encoding {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view bytes);

// In hexadecimal, 64 digits.
std::string sha256_hex(std::string_view bytes);

// Of many texts, one after the other. By the functions that OpenSSL calls low-level: what EVP puts around
// them costs as much as a short text's digest. A copy goes on from where the other one is. One thread at a
// time.
class Digester {
 public:
  Digester() { begin(); }

  // Of the texts as if they were one.
  Sha256 sha256(std::string_view first, std::string_view second = {}, std::string_view third = {});

  // Of a text that comes in parts, in between which sha256() must not be called.
  void begin();
  void add(std::string_view part);
  Sha256 end();

 private:
  SHA256_CTX state_;
};

}  // namespace storagepool::encoding
