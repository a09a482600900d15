#include "pool/common/tlog/tile.h"

#include <gtest/gtest.h>

#include "pool/common/tlog/testing/kept_tree.h"
#include "pool/common/tlog/testing/naive_tree.h"

namespace storagepool::tlog {
namespace {

using testing::KeptTree;
using testing::NaiveTree;

constexpr std::uint64_t kMost = ~std::uint64_t{0};

TEST(Tile, HasThePathOfTheSpecification) {
  const std::vector<std::pair<Tile, std::string>> paths = {
      {{0, 0}, "0/000"},
      {{0, 999}, "0/999"},
      {{0, 1000}, "0/x001/000"},
      {{0, 1234067}, "0/x001/x234/067"},
      {{2, 1234067, 1}, "2/x001/x234/067.p/1"},
      {{63, 7, 255}, "63/007.p/255"},
      {{{}, 67}, "entries/067"},
      {{{}, 1000, 112}, "entries/x001/000.p/112"},
      {{0, kMost >> 8}, "0/x072/x057/x594/x037/x927/935"},
  };
  for (const auto& [tile, path] : paths) {
    EXPECT_EQ(tile.path(), path);
    const auto read = Tile::read(path);
    ASSERT_TRUE(read) << path << " " << read.error();
    EXPECT_EQ(*read, tile) << path;
  }
}

TEST(Tile, OfAHostilePathIsRefused) {
  const std::string form = "a tile's path is not of the form level/index or entries/index";
  const std::string level = "a tile's level is not a number from 0 to 63, or `entries`";
  const std::string index =
      "a tile's index is not a number below 2^56 in groups of three digits as in `x001/x234/067`";
  const std::string width = "the width of a partial tile is not a number from 1 to 255";
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", form},
      {"0", form},
      {"entries", form},
      {"/000", level},
      {"64/000", level},
      {"00/000", level},
      {"-1/000", level},
      {"+1/000", level},
      {" 1/000", level},
      {"data/000", level},
      {"Entries/000", level},
      {"../000", level},
      {"4294967296/000", level},
      {"0/", index},
      {"0/0", index},
      {"0/00", index},
      {"0/0000", index},
      {"0/-01", index},
      {"0/+01", index},
      {"0/0x1", index},
      {"0/x000", index},
      {"0/x000/001", index},
      {"0/001/001", index},
      {"0/x001", index},
      {"0/x001/", index},
      {"0/x001/x001", index},
      {"0/x001//001", index},
      {"0/X001/001", index},
      {"0/000/", index},
      {"0//000", index},
      {"0/../000", index},
      {"0/000?", index},
      {"0/000%2e", index},
      {std::string("0/000\0", 6), index},
      {"0/x072/x057/x594/x037/x927/936", index},
      {"0/x999/x999/x999/x999/x999/999", index},
      {"0/x001/x000/x000/x000/x000/x000/000", index},
      {"0/" + std::string(100'000, 'x'), index},
      {"0/000.p", index},
      {"0/000.p/", width},
      {"0/000.p/0", width},
      {"0/000.p/256", width},
      {"0/000.p/01", width},
      {"0/000.p/1/", width},
      {"0/000.p/-1", width},
      {"0/000.p/1.p/1", width},
      {"entries/000.p/4294967297", width},
      {"0/.p/1", index},
  };
  for (const auto& [path, sentence] : wrong) {
    const auto read = Tile::read(path);
    ASSERT_FALSE(read) << path;
    EXPECT_EQ(read.error(), sentence) << path;
  }
}

// The examples of the specification: trees of 70,000 and of 256.
TEST(Tile, IsInATreeThatHasAllOfIt) {
  EXPECT_TRUE((Tile{0, 272}.is_in(70'000)));
  EXPECT_FALSE((Tile{0, 273}.is_in(70'000)));
  EXPECT_TRUE((Tile{0, 273, 112}.is_in(70'000)));
  EXPECT_FALSE((Tile{0, 273, 113}.is_in(70'000)));
  EXPECT_TRUE((Tile{{}, 273, 112}.is_in(70'000)));
  EXPECT_FALSE((Tile{{}, 273, 113}.is_in(70'000)));
  EXPECT_TRUE((Tile{1, 0}.is_in(70'000)));
  EXPECT_TRUE((Tile{1, 1, 17}.is_in(70'000)));
  EXPECT_FALSE((Tile{1, 1, 18}.is_in(70'000)));
  EXPECT_TRUE((Tile{2, 0, 1}.is_in(70'000)));
  EXPECT_FALSE((Tile{2, 0, 2}.is_in(70'000)));
  EXPECT_FALSE((Tile{3, 0, 1}.is_in(70'000)));
  EXPECT_TRUE((Tile{0, 0}.is_in(256)));
  EXPECT_TRUE((Tile{1, 0, 1}.is_in(256)));
  EXPECT_FALSE((Tile{0, 0}.is_in(255)));
  EXPECT_FALSE((Tile{0, 0, 1}.is_in(0)));
  EXPECT_TRUE((Tile{0, 0, 1}.is_in(70'000))) << "what a smaller tree had";
  for (const unsigned level : {8U, 9U, 63U}) EXPECT_FALSE((Tile{level, 0, 1}.is_in(kMost)));
  EXPECT_TRUE((Tile{0, kMost >> 8, 255}.is_in(kMost)));
  EXPECT_FALSE((Tile{0, kMost >> 8}.is_in(kMost)));
  EXPECT_TRUE((Tile{7, 0, 255}.is_in(kMost)));
  EXPECT_FALSE((Tile{7, 1, 1}.is_in(kMost)));
}

TEST(Tile, IsOfTheHashesThatAreKept) {
  constexpr std::uint64_t kLeaves = 70'000;
  NaiveTree naive(kLeaves);
  KeptTree kept;
  for (std::uint64_t index = 0; index < kLeaves; ++index) kept.append(NaiveTree::entry(index));
  for (const Tile& tile : {Tile{0, 0}, Tile{0, 273, 112}, Tile{1, 0}, Tile{1, 1, 17}, Tile{2, 0, 1}}) {
    const std::string bytes = tile_of(kept.hashes(tile.kept()));
    ASSERT_EQ(bytes.size(), tile.width * sizeof(Hash)) << tile.path();
    const std::uint64_t leaves = std::uint64_t{1} << (kTileHeight * *tile.level);
    for (std::uint64_t at = 0; at < tile.width; ++at) {
      const std::uint64_t begin = (tile.index * kTileWidth + at) * leaves;
      const Hash hash = naive.root(begin, begin + leaves);
      EXPECT_EQ(bytes.substr(at * sizeof(Hash), sizeof(Hash)), std::string(hash.begin(), hash.end()))
          << tile.path() << " " << at;
    }
  }
}

TEST(Tile, OfEntriesHasThemBehindTheirLengths) {
  std::string tile;
  append_entry(tile, "ab");
  append_entry(tile, "");
  append_entry(tile, std::string(258, 'c'));
  EXPECT_EQ(tile, std::string("\0\2ab\0\0\1\2", 8) + std::string(258, 'c'));
}

}  // namespace
}  // namespace storagepool::tlog
