#include "pool/common/tlog/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "pool/common/encoding/encoding.h"

namespace storagepool::tlog {

tl::expected<Checkpoint, std::string> Checkpoint::read(std::string_view text) {
  const auto wrong = [](const char* what) { return tl::unexpected(std::string(what)); };
  if (std::ranges::count(text, '\n') != 3 || !text.ends_with('\n')) {
    return wrong("a checkpoint does not have three lines: origin, size, root hash");
  }
  const std::size_t first = text.find('\n');
  const std::size_t second = text.find('\n', first + 1);
  const std::string_view digits = text.substr(first + 1, second - first - 1);
  const std::string_view coded = text.substr(second + 1, text.size() - second - 2);
  if (first == 0) return wrong("a checkpoint has no origin");
  Checkpoint checkpoint{.origin = std::string(text.substr(0, first))};
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), checkpoint.size);
  if (parsed.ec != std::errc{} || std::to_string(checkpoint.size) != digits) {
    return wrong("a checkpoint's size is not a decimal number of 64 bits");
  }
  const auto bytes = encoding::decode_base64(coded);
  if (!bytes || bytes->size() != checkpoint.root.size() || encoding::encode_base64(*bytes) != coded) {
    return wrong("a checkpoint's root is not base64 of 32 bytes");
  }
  std::ranges::copy(*bytes, checkpoint.root.begin());
  return checkpoint;
}

std::string Checkpoint::write() const {
  return origin + "\n" + std::to_string(size) + "\n" +
         encoding::encode_base64(std::string(root.begin(), root.end())) + "\n";
}

}  // namespace storagepool::tlog
