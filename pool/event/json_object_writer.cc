#include "pool/event/json_object_writer.h"

#include <cstdint>
#include <cstring>

#include "pool/common/encoding/encoding.h"

namespace storagepool::event {
namespace {

constexpr bool is_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// Whether any of eight bytes is escaped: subtracting from each byte borrows where it is smaller.
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
  std::size_t at = 0;
  for (std::uint64_t bytes = 0; at + sizeof bytes <= text.size(); at += sizeof bytes) {
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    if (any_escaped(bytes)) break;
  }
  while (at < text.size() && !is_escaped(text[at])) ++at;
  return at;
}

void append_escape(std::string& out, char c) {
  constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";  // a character, then what stands for it
  for (std::size_t i = 0; i < kShort.size(); i += 2) {
    if (kShort[i] != c) continue;
    out += '\\';
    out += kShort[i + 1];
    return;
  }
  out += "\\u00" + encoding::encode_hex(std::string_view(&c, 1));
}

}  // namespace

void JsonObjectWriter::text(std::string_view name, std::string_view value) {
  begin(name);
  out_ += '"';
  while (!value.empty()) {
    const std::size_t plain = plain_bytes(value);
    out_ += value.substr(0, plain);
    value.remove_prefix(plain);
    if (value.empty()) break;
    append_escape(out_, value.front());
    value.remove_prefix(1);
  }
  out_ += '"';
}

}  // namespace storagepool::event
