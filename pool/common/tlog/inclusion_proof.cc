#include "pool/common/tlog/inclusion_proof.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/check.h"

namespace storagepool::tlog {
namespace {

constexpr std::string_view kForm = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";

// What comes before the next line's end, which is taken away with it; no value if there is no such end.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == text.npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// Of base64 in its one spelling, of 1 to `most` bytes.
std::optional<std::string> bytes_of(std::string_view coded, std::size_t most) {
  if (coded.size() > (most + 2) / 3 * 4) return std::nullopt;
  const auto bytes = encoding::decode_base64(coded);
  if (!bytes || bytes->empty() || bytes->size() > most || encoding::encode_base64(*bytes) != coded)
    return std::nullopt;
  return *bytes;
}

}  // namespace

tl::expected<InclusionProof, std::string> InclusionProof::read(std::string_view text) {
  const auto wrong = [](const std::string& what) { return tl::unexpected(what); };
  if (take_line(text) != kForm) return wrong("an inclusion proof does not begin with " + std::string(kForm));
  InclusionProof proof;
  auto line = take_line(text);
  if (line && line->starts_with(kExtra)) {
    const auto extra = bytes_of(line->substr(kExtra.size()), kMaxExtraBytes);
    if (!extra) {
      return wrong("the extra data of an inclusion proof is not base64 of 1 to " +
                   std::to_string(kMaxExtraBytes) + " bytes");
    }
    proof.extra = *extra;
    line = take_line(text);
  }
  if (!line || !line->starts_with(kIndex)) return wrong("an inclusion proof has no line with an index");
  const std::string_view digits = line->substr(kIndex.size());
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), proof.index);
  if (parsed.ec != std::errc{} || std::to_string(proof.index) != digits)
    return wrong("the index of an inclusion proof is not a decimal number of 64 bits");
  for (line = take_line(text); line && !line->empty(); line = take_line(text)) {
    if (proof.path.size() == kMaxProofHashes)
      return wrong("an inclusion proof has more than " + std::to_string(kMaxProofHashes) + " hashes");
    Hash hash;
    const auto bytes = bytes_of(*line, hash.size());
    if (!bytes || bytes->size() != hash.size())
      return wrong("a hash of an inclusion proof is not base64 of 32 bytes");
    std::ranges::copy(*bytes, hash.begin());
    proof.path.push_back(hash);
  }
  if (!line) return wrong("an inclusion proof has no empty line before its checkpoint");
  auto checkpoint = Note::read(text);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  proof.checkpoint = std::move(*checkpoint);
  return proof;
}

std::string InclusionProof::write() const {
  STORAGEPOOL_INVARIANT(extra.size() <= kMaxExtraBytes && path.size() <= kMaxProofHashes,
                        "an inclusion proof beyond its bounds", {"extra bytes", extra.size()},
                        {"hashes", path.size()});
  std::string text = std::string(kForm) + "\n";
  if (!extra.empty()) text.append(kExtra).append(encoding::encode_base64(extra)).append("\n");
  text.append(kIndex).append(std::to_string(index)).append("\n");
  for (const Hash& hash : path)
    text.append(encoding::encode_base64(std::string(hash.begin(), hash.end()))).append("\n");
  return text + "\n" + checkpoint.write();
}

}  // namespace storagepool::tlog
