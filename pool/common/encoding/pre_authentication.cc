#include "pool/common/encoding/pre_authentication.h"

#include <cstddef>
#include <cstdint>

namespace storagepool::encoding {
namespace {

void append_le64(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>((value >> shift) & 0xff);
}

}  // namespace

std::string pre_authentication_encoding(std::initializer_list<std::string_view> pieces) {
  std::string out;
  std::size_t size = 8;
  for (const std::string_view piece : pieces) size += 8 + piece.size();
  out.reserve(size);
  append_le64(out, pieces.size());
  for (const std::string_view piece : pieces) {
    append_le64(out, piece.size());
    out += piece;
  }
  return out;
}

}  // namespace storagepool::encoding
