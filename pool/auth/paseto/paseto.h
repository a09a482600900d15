// PASETO v4.public tokens: `v4.public.<base64url(message || Ed25519 signature)>[.<base64url(footer)>]`
// (PASETO specification, version 4; RFC 8032), and their public keys.
//
// Parsing is strict, so that one token has one spelling: base64url (RFC 4648 §5) without padding and without
// stray bits at its end, and an empty footer is no footer. A message is worth nothing before verify() said
// whose it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace storagepool::auth {

inline constexpr std::size_t kMaxPasetoBytes = std::size_t{8} * 1024;  // longer ones are not looked at

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

struct Paseto {
  std::string message;
  Signature signature{};
  std::string footer;
};

// No value for anything but a well-formed v4.public token of at most kMaxPasetoBytes.
std::optional<Paseto> parse_paseto(std::string_view token);

// Whether the holder of `key` signed the message together with its footer and the implicit assertion, which
// both sides know and the token does not carry.
bool verify(const Paseto& token, const PublicKey& key, std::string_view implicit_assertion = {});

// A public key as PASERK (`k4.public.…`) or as 64 hexadecimal digits; else why it is none, without repeating
// any of it. Points that are not on the curve or of small order are refused: anybody can sign for those.
tl::expected<PublicKey, std::string> parse_public_key(std::string_view text);

}  // namespace storagepool::auth
