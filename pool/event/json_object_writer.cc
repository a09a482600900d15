#include "pool/event/json_object_writer.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "pool/common/encoding/encoding.h"

namespace storagepool::event {
namespace {

constexpr bool is_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// Whether any of sixteen bytes is escaped.
bool any_of_sixteen_escaped(const char* text) {
  using Bytes = std::uint8_t __attribute__((vector_size(16)));
  Bytes bytes;
  std::memcpy(&bytes, text, sizeof bytes);
  const auto escaped = (bytes < 0x20) | (bytes == '"') | (bytes == '\\');
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(&halves, &escaped, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

// Whether any of eight is: subtracting from each byte borrows where it is smaller.
bool any_escaped(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kHighBits = kOnes * 0x80;
  const auto below = [](std::uint64_t each, std::uint64_t bound) {
    return (each - kOnes * bound) & ~each & kHighBits;
  };
  return (below(bytes, 0x20) | below(bytes ^ kOnes * '"', 1) | below(bytes ^ kOnes * '\\', 1)) != 0;
}

// How many bytes at the start of `text` stand as they are.
std::size_t plain_bytes(std::string_view text) {
  constexpr std::size_t kStep = sizeof(std::uint64_t);
  constexpr std::size_t kWide = 16;
  const auto escapes = [&](std::size_t at) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, kStep);
    return any_escaped(bytes);
  };
  std::size_t at = 0;
  while (at + kWide <= text.size() && !any_of_sixteen_escaped(text.data() + at)) at += kWide;
  const bool has_rest = at >= kWide && at + kWide > text.size();
  if (has_rest && !any_of_sixteen_escaped(text.data() + text.size() - kWide)) return text.size();
  while (at + kStep <= text.size() && !escapes(at)) at += kStep;
  if (at >= kStep && at + kStep > text.size() && !escapes(text.size() - kStep)) return text.size();
  while (at < text.size() && !is_escaped(text[at])) ++at;
  return at;
}

std::string escaped(char c) {
  constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";  // a character, then what stands for it
  for (std::size_t i = 0; i < kShort.size(); i += 2) {
    if (kShort[i] == c) return {'\\', kShort[i + 1]};
  }
  return "\\u00" + encoding::encode_hex(std::string_view(&c, 1));
}

}  // namespace

void JsonObjectWriter::text(std::string_view name, std::string_view value) {
  begin(name, value.size() + 2);
  put("\"");
  while (true) {
    const std::size_t plain = plain_bytes(value);
    put(value.substr(0, plain));
    value.remove_prefix(plain);
    if (value.empty()) break;
    const std::string escape = escaped(value.front());
    value.remove_prefix(1);
    make_room(escape.size() + value.size() + 1);
    put(escape);
  }
  put("\"");
}

}  // namespace storagepool::event
