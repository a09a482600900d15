// libFuzzer target: bodies in a content coding and the fields that tell of it. What is decoded must not
// depend on the steps it is decoded in, never be more than there is room for, and what is encoded must come
// back.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/fuzzing/require.h"
#include "pool/common/http/message/coding.h"

namespace storagepool::http {
namespace {

using fuzzing::require;

constexpr std::size_t kMost = std::size_t{256} * 1024;

// None when it is malformed, cut off, or larger than is looked at.
std::optional<std::string> decode(Coding coding, std::string_view body, std::size_t step) {
  Decoder decoder(coding);
  std::string out;
  for (bool moved = true; moved;) {
    std::string made(step, '\0');
    const auto result = decoder.decode(body.substr(0, step), made.data(), made.size());
    if (!result) return std::nullopt;
    require(result->made <= step && result->taken <= std::min(step, body.size()), "a step keeps its bounds");
    out.append(made, 0, result->made);
    body.remove_prefix(result->taken);
    moved = result->made + result->taken > 0;
    if (out.size() > kMost) return std::nullopt;
  }
  require(decoder.memory() < std::size_t{10} << 20, "a decoder's memory is bounded");
  if (!decoder.whole() || !body.empty()) return std::nullopt;
  return out;
}

}  // namespace
}  // namespace storagepool::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::http;
  using storagepool::fuzzing::require;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = std::size_t{1} + data[0];
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    require(decode(coding, body, step) == decode(coding, body, kMost + 1), "steps make no difference");
  }
  std::string coded;
  GzipEncoder encoder;
  encoder.encode(body.substr(0, body.size() / 2), false, coded);
  encoder.encode(body.substr(body.size() / 2), true, coded);
  require(decode(Coding::kGzip, coded, kMost) == body, "what is encoded comes back");

  Request request;
  request.headers.emplace_back("Content-Encoding", body);
  request.headers.emplace_back("Accept-Encoding", body);
  static_cast<void>(request_coding(request));
  static_cast<void>(prefers_gzip(request));
  return 0;
}
