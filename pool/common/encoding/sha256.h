// SHA-256 (FIPS 180-4), from OpenSSL. Pure; throws only where OpenSSL has no SHA-256.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace storagepool::encoding {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view bytes);

// In hexadecimal, 64 digits.
std::string sha256_hex(std::string_view bytes);

// Of many texts, one after the other: OpenSSL's algorithm is looked up and its context made once, which costs
// more than a short text's digest. One thread at a time.
class Digester {
 public:
  Digester();

  // Of the texts as if they were one.
  Sha256 sha256(std::string_view first, std::string_view second = {}, std::string_view third = {});

  // Of a text that comes in parts, in between which sha256() must not be called.
  void begin();
  void add(std::string_view part);
  Sha256 end();

 private:
  struct Free {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD, Free> algorithm_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace storagepool::encoding
