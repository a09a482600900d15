// A token as we keep and compare it: its SHA-256 (FIPS 180-4). All digests are of one length, so that a
// comparison tells nothing of the length of a secret, and what is kept in memory admits nobody.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace storagepool::auth {

using TokenDigest = std::array<std::uint8_t, 32>;

TokenDigest digest_of(std::string_view token);

// In constant time.
bool same(const TokenDigest& a, const TokenDigest& b);

}  // namespace storagepool::auth
