#include "pool/reading/cursor.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pool/event/uuid.h"

namespace storagepool::reading {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kBytes = kTimeBytes + 16;
constexpr std::size_t kCharacters = kBytes / 3 * 4;  // a multiple of three bytes needs no padding
constexpr unsigned kSextet = 6;
using Bytes = std::array<std::uint8_t, kBytes>;

std::string encode(const Bytes& bytes) {
  std::string text;
  text.reserve(kCharacters);
  for (std::size_t i = 0; i < kBytes; i += 3) {
    const std::uint32_t group = bytes[i] << 16U | bytes[i + 1] << 8U | bytes[i + 2];
    for (unsigned shift = 4 * kSextet; shift > 0; shift -= kSextet)
      text += kAlphabet[group >> (shift - kSextet) & 0x3F];
  }
  return text;
}

std::optional<Bytes> decode(std::string_view text) {
  if (text.size() != kCharacters) return std::nullopt;
  Bytes bytes{};
  for (std::size_t i = 0; i < kBytes / 3; ++i) {
    std::uint32_t group = 0;
    for (const char c : text.substr(i * 4, 4)) {
      const std::size_t value = kAlphabet.find(c);
      if (value == std::string_view::npos) return std::nullopt;
      group = group << kSextet | static_cast<std::uint32_t>(value);
    }
    for (std::size_t byte = 0; byte < 3; ++byte)
      bytes[i * 3 + byte] = static_cast<std::uint8_t>(group >> (16 - 8 * byte));
  }
  return bytes;
}

}  // namespace

std::string format_cursor(const Cursor& cursor) {
  Bytes bytes{};
  auto time = static_cast<std::uint64_t>(cursor.event_timestamp.time_since_epoch().count());
  for (std::size_t i = kTimeBytes; i > 0; --i, time >>= 8U) bytes[i - 1] = static_cast<std::uint8_t>(time);
  std::string digits;
  for (const char c : cursor.event_id) {
    if (c != '-') digits += c;
  }
  for (std::size_t i = 0; i < kBytes - kTimeBytes && i * 2 + 2 <= digits.size(); ++i)
    std::from_chars(&digits[i * 2], &digits[i * 2] + 2, bytes[kTimeBytes + i], 16);
  return encode(bytes);
}

std::optional<Cursor> parse_cursor(std::string_view text) {
  const auto bytes = decode(text);
  if (!bytes) return std::nullopt;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kTimeBytes; ++i) count = count << 8U | (*bytes)[i];
  const std::chrono::microseconds time{static_cast<std::int64_t>(count)};
  using std::chrono::sys_days;
  constexpr std::chrono::microseconds kBegin =
      sys_days{std::chrono::year{1} / std::chrono::January / 1}.time_since_epoch();
  constexpr std::chrono::microseconds kEnd =
      sys_days{std::chrono::year{10000} / std::chrono::January / 1}.time_since_epoch();
  if (time < kBegin || time >= kEnd) return std::nullopt;
  return Cursor{.event_timestamp = runtime::Timestamp{time},
                .event_id = event::format_uuid(std::span(*bytes).last<kBytes - kTimeBytes>())};
}

}  // namespace storagepool::reading
