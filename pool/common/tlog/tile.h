// Tiles (c2sp.org/tlog-tiles): the files from which others read a log, of up to 256 hashes or entries each.
// Pure; takes hostile paths.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/tlog/frontier.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::tlog {

inline constexpr unsigned kTileWidth = 1U << kTileHeight;

struct Tile {
  std::optional<unsigned> level{};  // each of its hashes is of 256^level leaves; no value: entries
  std::uint64_t index = 0;          // in its level, below 2^56
  unsigned width = kTileWidth;      // how many hashes or entries, from 1; below kTileWidth it is partial

  // Of its path below `tile/`: `<level>/<index>` or `entries/<index>`, and `.p/<width>` if it is partial. One
  // sentence on what is wrong; never shows the path. What is read is written back the same.
  static tl::expected<Tile, std::string> read(std::string_view path);
  std::string path() const;

  // Which of the hashes that are kept it has; of entries: the entries of these leaves.
  Kept kept() const;
  // Whether a tree of this size has all of them; once it is so, its bytes stay the same.
  bool is_in(std::uint64_t size) const;
  friend bool operator==(const Tile&, const Tile&) = default;
};

// A tile of these hashes, from left to right.
std::string tile_of(std::span<const Hash> hashes);
// Appends an entry to a tile of entries. REQUIRES: at most 65,535 bytes.
void append_entry(std::string& tile, std::string_view entry);

}  // namespace storagepool::tlog
