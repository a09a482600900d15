#include "pool/common/encoding/encoding.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace storagepool::encoding {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> base64url_values() {
  std::array<std::int8_t, 256> values{};
  for (std::int8_t& value : values) value = -1;
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i) {
    const char digit = kBase64Digits[i] == '+' ? '-' : kBase64Digits[i] == '/' ? '_' : kBase64Digits[i];
    values[static_cast<std::uint8_t>(digit)] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> hex_values() {
  std::array<std::int8_t, 256> values{};
  for (std::int8_t& value : values) value = -1;
  for (int digit = 0; digit < 16; ++digit) {
    values[static_cast<std::uint8_t>(kHexDigits[digit])] = static_cast<std::int8_t>(digit);
    values[static_cast<std::uint8_t>("0123456789ABCDEF"[digit])] = static_cast<std::int8_t>(digit);
  }
  return values;
}
constexpr auto kHexValues = hex_values();
constexpr auto kBase64UrlValues = base64url_values();

}  // namespace

std::string encode_hex(std::span<const std::uint8_t> bytes) {
  std::string text(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = kHexDigits[bytes[i] >> 4];
    text[2 * i + 1] = kHexDigits[bytes[i] & 15];
  }
  return text;
}

std::string encode_hex(std::string_view bytes) {
  return encode_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::optional<std::string> decode_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes(text.size() / 2, '\0');
  int bad = 0;  // negative as soon as one digit is none
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = kHexValues[static_cast<std::uint8_t>(text[2 * i])];
    const int low = kHexValues[static_cast<std::uint8_t>(text[2 * i + 1])];
    bad |= high | low;
    bytes[i] = static_cast<char>((high & 15) << 4 | (low & 15));
  }
  if (bad < 0) return std::nullopt;
  return bytes;
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
  std::string decoded;
  decoded.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned have = 0;
  for (const char c : text) {
    const std::int8_t value = kBase64UrlValues[static_cast<std::uint8_t>(c)];
    if (value < 0) return tl::unexpected(std::string("not base64url"));
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    decoded += static_cast<char>(bits >> have & 255);
  }
  const std::uint32_t left = bits & ((1U << have) - 1);
  if (have == 6 || left != 0) return tl::unexpected(std::string("not base64url: truncated"));
  return decoded;
}

}  // namespace storagepool::encoding
