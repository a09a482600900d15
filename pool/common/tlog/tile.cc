#include "pool/common/tlog/tile.h"

#include <charconv>

#include "pool/common/runtime/check.h"

namespace storagepool::tlog {
namespace {

constexpr std::string_view kEntries = "entries";
constexpr std::string_view kPartial = ".p/";
constexpr unsigned kMostLevel = 63;
constexpr std::uint64_t kMostIndex = ~std::uint64_t{0} >> kTileHeight;  // no tree has more
constexpr std::size_t kDigits = 3;                                      // of a group of an index
constexpr std::size_t kMostGroups = 6;                                  // that kMostIndex has

// A decimal number as it is written.
std::optional<unsigned> read_number(std::string_view text, unsigned least, unsigned most) {
  unsigned number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || std::to_string(number) != text || number < least || number > most)
    return std::nullopt;
  return number;
}

std::string group_of(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

// Groups of three digits, each but the last after an `x`: 1234067 is `x001/x234/067`.
std::string index_text(std::uint64_t index) {
  std::string text = group_of(index % 1000);
  for (index /= 1000; index > 0; index /= 1000) text.insert(0, "x" + group_of(index % 1000) + "/");
  return text;
}

std::optional<std::uint64_t> read_index(std::string_view text) {
  std::uint64_t index = 0;
  for (std::size_t groups = 0; groups < kMostGroups; ++groups) {
    const bool is_last = !text.starts_with('x');
    if (!is_last) text.remove_prefix(1);
    unsigned group = 0;
    const std::string_view digits = text.substr(0, kDigits);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), group);
    if (digits.size() != kDigits || parsed.ec != std::errc{} || parsed.ptr != digits.data() + kDigits)
      return std::nullopt;
    index = index * 1000 + group;
    text.remove_prefix(kDigits);
    if (is_last) return text.empty() && index <= kMostIndex ? std::optional(index) : std::nullopt;
    if (index == 0 || !text.starts_with('/')) return std::nullopt;
    text.remove_prefix(1);
  }
  return std::nullopt;
}

}  // namespace

tl::expected<Tile, std::string> Tile::read(std::string_view path) {
  const auto wrong = [](const char* what) { return tl::unexpected(std::string(what)); };
  Tile tile;
  const std::size_t slash = path.find('/');
  if (slash == path.npos) return wrong("a tile's path is not of the form level/index or entries/index");
  if (const std::string_view level = path.substr(0, slash); level != kEntries) {
    tile.level = read_number(level, 0, kMostLevel);
    if (!tile.level) return wrong("a tile's level is not a number from 0 to 63, or `entries`");
  }
  path.remove_prefix(slash + 1);
  if (const std::size_t partial = path.find(kPartial); partial != path.npos) {
    const auto width = read_number(path.substr(partial + kPartial.size()), 1, kTileWidth - 1);
    if (!width) return wrong("the width of a partial tile is not a number from 1 to 255");
    tile.width = *width;
    path = path.substr(0, partial);
  }
  const auto index = read_index(path);
  if (!index) {
    return wrong("a tile's index is not a number below 2^56 in groups of three digits as in `x001/x234/067`");
  }
  tile.index = *index;
  return tile;
}

std::string Tile::path() const {
  std::string path = level ? std::to_string(*level) : std::string(kEntries);
  path.append("/").append(index_text(index));
  if (width < kTileWidth) path.append(kPartial).append(std::to_string(width));
  return path;
}

Kept Tile::kept() const {
  return {level.value_or(0), index << kTileHeight, width};
}

bool Tile::is_in(std::uint64_t size) const {
  constexpr unsigned kLevels = 64 / kTileHeight;  // that a tree of 64 bits can have
  const Kept hashes = kept();
  if (hashes.level >= kLevels) return false;
  const std::uint64_t there = size >> (kTileHeight * hashes.level);
  return hashes.count <= there && hashes.first <= there - hashes.count;
}

std::string tile_of(std::span<const Hash> hashes) {
  std::string tile;
  for (const Hash& hash : hashes) tile.append(hash.begin(), hash.end());
  return tile;
}

void append_entry(std::string& tile, std::string_view entry) {
  STORAGEPOOL_INVARIANT(entry.size() <= 0xFFFF, "an entry beyond 16 bits", {"bytes", entry.size()});
  tile += static_cast<char>(entry.size() >> 8);
  tile += static_cast<char>(entry.size() & 0xFF);
  tile += entry;
}

}  // namespace storagepool::tlog
