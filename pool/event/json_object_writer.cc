#include "pool/event/json_object_writer.h"

#include <algorithm>

namespace storagepool::event {
namespace {

bool is_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_escape(std::string& out, char c) {
  constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";  // a character, then what stands for it
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < kShort.size(); i += 2) {
    if (kShort[i] != c) continue;
    out += '\\';
    out += kShort[i + 1];
    return;
  }
  out += "\\u00";
  out += kHexDigits[static_cast<unsigned char>(c) >> 4];
  out += kHexDigits[static_cast<unsigned char>(c) & 15];
}

}  // namespace

void JsonObjectWriter::text(std::string_view name, std::string_view value) {
  begin(name);
  out_ += '"';
  while (!value.empty()) {
    const auto special = std::find_if(value.begin(), value.end(), is_escaped);
    const auto plain = static_cast<std::size_t>(special - value.begin());
    out_ += value.substr(0, plain);
    value.remove_prefix(plain);
    if (value.empty()) break;
    append_escape(out_, value.front());
    value.remove_prefix(1);
  }
  out_ += '"';
}

}  // namespace storagepool::event
