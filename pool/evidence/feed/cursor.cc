#include "pool/evidence/feed/cursor.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <system_error>

#include "pool/common/encoding/encoding.h"

namespace storagepool::evidence {
namespace {

constexpr std::string_view kForm = "1.";
constexpr std::size_t kLeafBytes = 4;
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// Takes a number and the dot behind it off the text.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  const std::size_t end = text.find('.');
  if (end == 0 || end == std::string_view::npos || (text[0] == '0' && end > 1)) return std::nullopt;
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + end || number > kMost) return std::nullopt;
  text.remove_prefix(end + 1);
  return number;
}

std::string beginning_of(const tlog::Hash& leaf) {
  return encoding::encode_hex(std::span<const std::uint8_t>(leaf).first<kLeafBytes>());
}

}  // namespace

std::optional<FeedCursor> FeedCursor::read(std::string_view text) {
  if (!text.starts_with(kForm)) return std::nullopt;
  text.remove_prefix(kForm.size());
  const auto epoch = take_number(text);
  if (!epoch || *epoch == 0) return std::nullopt;
  const auto seq = take_number(text);
  if (!seq || text.size() != 2 * kLeafBytes || text.find_first_not_of(kHexDigits) != std::string_view::npos)
    return std::nullopt;
  FeedCursor cursor{.epoch = static_cast<std::int64_t>(*epoch), .seq = *seq, .before = std::string(text)};
  if (cursor.seq == 0 && cursor.before != FeedCursor{}.before) return std::nullopt;
  return cursor;
}

FeedCursor FeedCursor::after(std::uint64_t seq, const tlog::Hash& leaf) {
  return {.seq = seq, .before = beginning_of(leaf)};
}

std::string FeedCursor::write() const {
  return std::string(kForm) + std::to_string(epoch) + "." + std::to_string(seq) + "." + before;
}

std::optional<CursorFault> judge(const FeedCursor& cursor, std::uint64_t size, std::string_view before) {
  if (cursor.epoch != kFirstEpoch) return CursorFault::kRolledBack;
  if (cursor.seq > size) return CursorFault::kBeyond;
  if (cursor.seq == 0) return std::nullopt;
  tlog::Hasher hasher;
  if (beginning_of(hasher.leaf(before)) != cursor.before) return CursorFault::kRolledBack;
  return std::nullopt;
}

}  // namespace storagepool::evidence
