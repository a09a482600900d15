// Bodies in a content coding, for tests.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <zstd.h>

#include "pool/common/http/message/coding.h"

namespace storagepool::http::testing {

inline std::string gzipped(std::string_view text) {
  std::string coded;
  GzipEncoder().encode(text, true, coded);
  return coded;
}

inline std::string zstandard(std::string_view text) {
  std::string coded(ZSTD_compressBound(text.size()), '\0');
  coded.resize(ZSTD_compress(coded.data(), coded.size(), text.data(), text.size(), 3));
  return coded;
}

// All of a body that is no larger than `room`, in steps of `step` bytes of input and output.
inline std::string decoded(Coding coding, std::string_view body, std::size_t step = 65536,
                           std::size_t room = std::size_t{1} << 20) {
  Decoder decoder(coding);
  std::string out;
  for (bool moved = true; moved && out.size() < room;) {
    std::string made(step, '\0');
    const auto result = decoder.decode(body.substr(0, step), made.data(), made.size());
    if (!result) throw std::runtime_error(result.error());
    out.append(made, 0, result->made);
    body.remove_prefix(result->taken);
    moved = result->made + result->taken > 0;
  }
  if (!decoder.whole()) throw std::runtime_error("ends early");
  return out;
}

}  // namespace storagepool::http::testing
