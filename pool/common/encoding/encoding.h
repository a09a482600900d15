// Bytes as text: hexadecimal and base64. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace storagepool::encoding {

// In lower case.
std::string encode_hex(std::span<const std::uint8_t> bytes);
std::string encode_hex(std::string_view bytes);
// In either case; no value for anything else than pairs of digits.
std::optional<std::string> decode_hex(std::string_view text);

// Standard base64 (RFC 4648, section 4), with padding.
std::string encode_base64(std::string_view bytes);
// Padding required, white space ignored. The error never shows the text, which may be a secret.
tl::expected<std::string, std::string> decode_base64(std::string_view text);

// base64url (RFC 4648, section 5), without padding; decoded strictly (no white space, no stray bits at the
// end), so that some bytes have one spelling.
std::string encode_base64url(std::string_view bytes);
tl::expected<std::string, std::string> decode_base64url(std::string_view text);

}  // namespace storagepool::encoding
