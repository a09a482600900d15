// SHA-256 (FIPS 180-4), from OpenSSL. Pure; throws only where OpenSSL has no SHA-256.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace storagepool::encoding {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view bytes);

// In hexadecimal, 64 digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace storagepool::encoding
