#include "pool/event/uuid.h"

#include <charconv>

#include "pool/common/runtime/random.h"

namespace storagepool::event {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

constexpr std::array<std::int8_t, 256> hex_values() {
  std::array<std::int8_t, 256> values{};
  for (std::int8_t& value : values) value = -1;
  for (std::int8_t digit = 0; digit < 16; ++digit)
    values.at(static_cast<std::uint8_t>(kHexDigits[digit])) = digit;
  return values;
}
constexpr auto kHexValues = hex_values();

int hex_digit(char c) {
  return kHexValues[static_cast<std::uint8_t>(c)];
}

}  // namespace

std::optional<std::string> parse_uuid(std::string_view text) {
  if (text.size() != kNilUuid.size()) return std::nullopt;
  std::string uuid;
  uuid.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = kNilUuid[i] == '-';
    if (dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
      uuid += c;
    } else if (!dash && c >= 'A' && c <= 'F') {
      uuid += static_cast<char>(c - 'A' + 'a');
    } else {
      return std::nullopt;
    }
  }
  return uuid;
}

std::string format_uuid(std::span<const std::uint8_t, 16> bytes) {
  std::string uuid(kNilUuid);
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes) {
    if (uuid[at] == '-') ++at;  // groups have an even number of digits
    uuid[at++] = kHexDigits[byte >> 4];
    uuid[at++] = kHexDigits[byte & 15];
  }
  return uuid;
}

std::optional<std::array<char, 16>> uuid_bytes(std::string_view canonical) {
  if (canonical.size() != kNilUuid.size()) return std::nullopt;
  std::array<char, 16> bytes{};
  std::size_t next = 0;
  for (std::size_t i = 0; i < canonical.size(); ++i) {
    if (kNilUuid[i] == '-') {
      if (canonical[i] != '-') return std::nullopt;
      continue;
    }
    const int high = hex_digit(canonical[i]);
    const int low = hex_digit(canonical[++i]);  // groups have an even number of digits
    if (high < 0 || low < 0) return std::nullopt;
    bytes[next++] = static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string make_uuid7(std::chrono::sys_time<std::chrono::milliseconds> time,
                       const std::array<std::uint8_t, 10>& random) {
  std::array<std::uint8_t, 16> bytes{};
  auto milliseconds = static_cast<std::uint64_t>(time.time_since_epoch().count());
  for (int i = 5; i >= 0; --i, milliseconds >>= 8) bytes[static_cast<std::size_t>(i)] = milliseconds & 0xFF;
  for (std::size_t i = 0; i < random.size(); ++i) bytes[6 + i] = random[i];
  bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0F));  // version 7
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3F));  // variant of RFC 9562
  return format_uuid(bytes);
}

std::string new_event_id(runtime::Timestamp event_timestamp) {
  std::array<std::uint8_t, 10> random{};
  runtime::fill_random(random);
  return make_uuid7(std::chrono::floor<std::chrono::milliseconds>(event_timestamp), random);
}

std::optional<std::pair<runtime::Timestamp, runtime::Timestamp>> id_time_range(std::string_view uuid) {
  constexpr std::size_t kVersion = 14;
  constexpr std::size_t kVariant = 19;
  constexpr std::string_view kVariantDigits = "89ab";
  if (uuid.size() != kNilUuid.size() || uuid[kVersion] != '7') return std::nullopt;
  if (kVariantDigits.find(uuid[kVariant]) == std::string_view::npos) return std::nullopt;
  const std::string digits = std::string(uuid.substr(0, 8)) + std::string(uuid.substr(9, 4));
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  const std::chrono::milliseconds time{static_cast<std::int64_t>(count)};
  constexpr std::chrono::sys_days kEnd = std::chrono::year{10000} / std::chrono::January / 1;
  if (time >= kEnd.time_since_epoch()) return std::nullopt;
  return std::pair{runtime::Timestamp{time}, runtime::Timestamp{time + std::chrono::milliseconds{1}}};
}

}  // namespace storagepool::event
