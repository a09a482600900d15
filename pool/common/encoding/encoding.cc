#include "pool/common/encoding/encoding.h"

#include <algorithm>
#include <cstddef>

namespace storagepool::encoding {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string encode_hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

std::string encode_hex(std::string_view bytes) {
  return encode_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0U);
    }
    for (std::size_t digit = 0; digit < 4; ++digit) {
      text += digit <= bytes.size() ? kBase64Digits[bits >> (18 - 6 * digit) & 63] : '=';
    }
  }
  return text;
}

std::string encode_base64url(std::string_view bytes) {
  std::string text = encode_base64(bytes);
  text.resize(text.find_last_not_of('=') + 1);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

tl::expected<std::string, std::string> decode_base64(std::string_view text) {
  std::string decoded;
  std::uint32_t bits = 0;
  int have = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    const std::size_t value = c == '=' ? 0 : kBase64Digits.find(c);
    if (value == std::string_view::npos) return tl::unexpected(std::string("not base64"));
    padding += c == '=';
    if (padding > 0 && c != '=') return tl::unexpected(std::string("not base64: text after the padding"));
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (++have == 4) {
      decoded += static_cast<char>(bits >> 16 & 255);
      decoded += static_cast<char>(bits >> 8 & 255);
      decoded += static_cast<char>(bits & 255);
      bits = 0;
      have = 0;
    }
  }
  if (have != 0 || padding > 2 || (padding > 0 && decoded.empty())) {
    return tl::unexpected(std::string("not base64: truncated"));
  }
  decoded.resize(decoded.size() - static_cast<std::size_t>(padding));
  return decoded;
}

tl::expected<std::string, std::string> decode_base64url(std::string_view text) {
  std::string standard(text);
  if (standard.find_first_of("+/= \t\r\n") != std::string::npos)
    return tl::unexpected(std::string("not base64url"));
  std::replace(standard.begin(), standard.end(), '-', '+');
  std::replace(standard.begin(), standard.end(), '_', '/');
  standard.append((4 - standard.size() % 4) % 4, '=');
  return decode_base64(standard);
}

}  // namespace storagepool::encoding
