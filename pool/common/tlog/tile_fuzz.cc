// libFuzzer target: paths of tiles, as strangers ask for them. What is read is written back the same, and is
// in a tree if and only if the tree is large enough for it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pool/common/fuzzing/require.h"
#include "pool/common/tlog/tile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::tlog;
  using storagepool::fuzzing::require;
  const std::string_view path(reinterpret_cast<const char*>(data), size);
  const auto tile = Tile::read(path);
  if (!tile) {
    require(tile.error().size() < 100, "a refusal is a sentence");
    return 0;
  }
  require(tile->path() == path, "a path that is read is written back the same");
  const Kept kept = tile->kept();
  require(kept.count >= 1 && kept.count <= kTileWidth, "a tile has 1 to 256 hashes");
  require(kept.level <= 63, "levels are bounded");
  require(!tile->is_in(0), "an empty tree has no tiles");
  const unsigned bits = kTileHeight * kept.level;
  const std::uint64_t end = kept.first + kept.count;  // 0: 2^64
  if (end == 0 || bits >= 64 || end > ~std::uint64_t{0} >> bits) {
    require(!tile->is_in(~std::uint64_t{0}), "no tree is so large");
  } else {
    require(tile->is_in(end << bits), "a tree of just its leaves has it");
    require(!tile->is_in((end << bits) - 1), "a smaller one has not");
    require(tile->is_in(~std::uint64_t{0}), "every larger one has it");
  }
  return 0;
}
