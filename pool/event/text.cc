#include "pool/event/text.h"

#include <cstdint>
#include <cstring>

namespace storagepool::event {
namespace {

// The length in bytes of the code point at the start of `text`, or 0 when it is malformed.
std::size_t code_point_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto continues = [&](std::size_t i, std::uint8_t low, std::uint8_t high) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
    const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return continues(1, low, high) && continues(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;  // nothing beyond U+10FFFF
    return continues(1, low, high) && continues(2, 0x80, 0xBF) && continues(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

// At the start of `text`; all of them, or all but the last few.
std::size_t ascii_bytes(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;
  std::size_t bytes = 0;
  for (std::uint64_t eight = 0; bytes + sizeof eight <= text.size(); bytes += sizeof eight) {
    std::memcpy(&eight, text.data() + bytes, sizeof eight);
    if ((eight & kHighBits) != 0) break;
  }
  return bytes;
}

}  // namespace

std::optional<std::size_t> utf8_length(std::string_view text) {
  std::size_t length = ascii_bytes(text);
  text.remove_prefix(length);
  while (!text.empty()) {
    const std::size_t bytes = code_point_bytes(text);
    if (bytes == 0) return std::nullopt;
    text.remove_prefix(bytes);
    ++length;
  }
  return length;
}

bool storable_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && utf8_length(text).has_value();
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 64;
  std::string out = "\"";
  for (std::size_t shown = 0; !text.empty(); ++shown) {
    if (shown == kShown) return out + "…\"";
    const std::size_t bytes = code_point_bytes(text);
    if (bytes == 0 || static_cast<std::uint8_t>(text[0]) < 0x20) {
      out += "\uFFFD";
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return out + "\"";
}

}  // namespace storagepool::event
