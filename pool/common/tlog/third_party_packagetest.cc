// A log of random entries, its proofs and its notes, judged by those who are not us: Go's libraries
// (hack/tools/tlog) and the command openssl.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/files.h"
#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/note_key.h"
#include "pool/common/tlog/testing/kept_tree.h"
#include "pool/common/tlog/tile.h"

namespace storagepool::tlog {
namespace {

using nlohmann::json;
using runtime::testing::TemporaryFolder;

constexpr std::size_t kEntryBytes = 67;
constexpr std::uint64_t kMostEntries = 70'000;
constexpr std::chrono::sys_seconds kNow{std::chrono::seconds{1'790'000'000}};

std::string coded(std::string_view bytes) {
  return encoding::encode_base64(bytes);
}
std::string coded(const Hash& hash) {
  return coded(std::string(hash.begin(), hash.end()));
}
json coded(const Proof& proof) {
  json texts = json::array();
  for (const Hash& hash : proof) texts.push_back(coded(hash));
  return texts;
}

struct Ended {
  int status = -1;
  std::string output;
};

// Runs a command in a shell; `output` is what it prints.
Ended shell(const TemporaryFolder& folder, const std::string& command) {
  const std::string output = folder / "output";
  const int status =
      std::system(("cd " + folder.path().string() + " && { " + command + "; } >" + output).c_str());
  return {status, runtime::read_file(output, std::size_t{64} << 20).value_or("")};
}

void write(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class ThirdParty : public ::testing::Test {
 protected:
  ThirdParty() : random_(seed()) {}

  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  std::string bytes(std::size_t count) {
    std::string bytes;
    while (bytes.size() < count) bytes += static_cast<char>(random_() & 0xFF);
    return bytes;
  }

  // What Go's libraries say of the claims: hack/tools/tlog has their form.
  json judged(const json& claims) {
    write(folder_ / "claims", claims.dump());
    const std::string build = STORAGEPOOL_SOURCE_DIR "/hack/tools/build";
    const Ended ended = shell(folder_, "tools=$(timeout 840 " + build + " tlog) && $tools/bin/tlog <claims");
    EXPECT_EQ(ended.status, 0);
    return json::parse(ended.output, nullptr, false);
  }

  std::mt19937_64 random_;
  TemporaryFolder folder_;

 private:
  static std::uint64_t seed() {
    const char* given = std::getenv("STORAGEPOOL_TEST_SEED");
    std::uint64_t seed = std::random_device{}();
    if (given != nullptr) std::from_chars(given, given + std::strlen(given), seed);
    std::printf("again with STORAGEPOOL_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return seed;
  }
};

// One of many claims, and whether it holds.
struct Claims {
  json texts = json::array();
  std::vector<bool> hold;
  void add(const json& text, bool holds) {
    texts.push_back(text);
    hold.push_back(holds);
  }
  void compare(const json& verdicts) const {
    ASSERT_EQ(verdicts.size(), hold.size());
    for (std::size_t at = 0; at < hold.size(); ++at) {
      const bool holds = hold[at];
      EXPECT_EQ(verdicts[at] == "", holds) << texts[at] << "\n" << verdicts[at];
    }
  }
};

class LogByGo : public ThirdParty {
 protected:
  LogByGo() {
    const std::uint64_t entries = kMostEntries - below(1000);
    for (std::uint64_t index = 0; index < entries; ++index) {
      const std::string entry = bytes(kEntryBytes);
      entries_ += entry;
      tree_.append(entry);
      // The root as appending has it, of some sizes.
      if (index + 1 == entries || below(500) == 0) add_root(index + 1, tree_.root());
    }
    write(folder_ / "entries", entries_);
  }

  std::uint64_t entries() const { return entries_.size() / kEntryBytes; }
  void add_root(std::uint64_t size, const Hash& root) {
    roots_.add({{"size", size}, {"root", coded(root)}}, true);
  }
  // One in eight does not hold: one bit of its hashes is another.
  void add_inclusion(std::uint64_t index, std::uint64_t size) {
    Proof proof = tree_.prove(inclusion_plan(index, size));
    Hash root = tree_.root(size);
    const bool holds = spared(proof, root);
    EXPECT_EQ(verify_inclusion(hasher_, tree_.leaf(index), index, size, proof, root), holds);
    inclusions_.add({{"index", index}, {"size", size}, {"root", coded(root)}, {"proof", coded(proof)}},
                    holds);
  }
  void add_consistency(std::uint64_t old_size, std::uint64_t size) {
    Proof proof = tree_.prove(consistency_plan(old_size, size));
    Hash root = tree_.root(size);
    const Hash old_root = tree_.root(old_size);
    const bool holds = spared(proof, root);
    EXPECT_EQ(verify_consistency(hasher_, old_size, old_root, size, root, proof), holds);
    consistencies_.add({{"old_size", old_size},
                        {"old_root", coded(old_root)},
                        {"size", size},
                        {"root", coded(root)},
                        {"proof", coded(proof)}},
                       holds);
  }

  // All tiles of the tree of this size, in a folder that is a mirror's; unless it holds, one bit of one
  // tile is another.
  void add_tree(std::uint64_t size, bool holds) {
    const std::filesystem::path tiles = folder_ / ("tiles" + std::to_string(trees_.hold.size()));
    std::filesystem::create_directory(tiles);
    std::vector<std::filesystem::path> files;
    const auto add = [&](std::optional<unsigned> level) {
      Tile tile{level};
      for (; tile.is_in(size); ++tile.index) files.push_back(write_tile(tiles, tile));
      do --tile.width;
      while (tile.width > 0 && !tile.is_in(size));
      if (tile.width > 0) files.push_back(write_tile(tiles, tile));
    };
    add(std::nullopt);
    for (unsigned level = 0; size >> (kTileHeight * level) > 0; ++level) add(level);
    if (!holds) spoil(files[below(files.size())]);
    trees_.add({{"size", size}, {"root", coded(tree_.root(size))}, {"tiles", tiles.string()}}, holds);
  }

  std::string entries_;
  testing::KeptTree tree_;
  Hasher hasher_;
  Claims roots_;
  Claims inclusions_;
  Claims consistencies_;
  Claims trees_;

 private:
  std::filesystem::path write_tile(const std::filesystem::path& tiles, const Tile& tile) {
    const Kept kept = tile.kept();
    std::string bytes;
    if (tile.level) {
      bytes = tile_of(tree_.hashes(kept));
    } else {
      for (std::uint64_t at = kept.first; at < kept.first + kept.count; ++at)
        append_entry(bytes, std::string_view(entries_).substr(at * kEntryBytes, kEntryBytes));
    }
    const std::filesystem::path file = tiles / tile.path();
    std::filesystem::create_directories(file.parent_path());
    write(file, bytes);
    return file;
  }
  void spoil(const std::filesystem::path& file) {
    std::string bytes = *runtime::read_file(file, std::size_t{1} << 20);
    bytes[below(bytes.size())] ^= static_cast<char>(1 << below(8));
    write(file, bytes);
  }
  bool spared(Proof& proof, Hash& root) {
    if (below(8) != 0) return true;
    const std::uint64_t at = below(proof.size() + 1);
    (at == proof.size() ? root : proof[at])[below(root.size())] ^= static_cast<std::uint8_t>(1 << below(8));
    return false;
  }
};

TEST_F(LogByGo, HasItsRootsAndProofs) {
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t size = 1 + below(i < 100 ? 300 : entries());
    add_root(size, tree_.root(size));
    add_inclusion(below(size), size);
    add_inclusion(size - 1, size);
    add_consistency(1 + below(size), size);
  }
  add_root(0, tree_.root(0));
  for (const std::uint64_t size : {1, 255, 256, 257, 65'535, 65'536, 65'537}) {
    add_inclusion(0, size);
    add_inclusion(size - 1, size);
    add_consistency(1, size);
    add_consistency(size, entries());
  }
  const json verdicts = judged({{"entries", (folder_ / "entries").string()},
                                {"entry_bytes", kEntryBytes},
                                {"roots", roots_.texts},
                                {"inclusions", inclusions_.texts},
                                {"consistencies", consistencies_.texts}});
  ASSERT_TRUE(verdicts.is_object());
  roots_.compare(verdicts["roots"]);
  inclusions_.compare(verdicts["inclusions"]);
  consistencies_.compare(verdicts["consistencies"]);
}

TEST_F(LogByGo, IsReadFromItsTiles) {
  for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{255}, std::uint64_t{256},
                                   std::uint64_t{257}, std::uint64_t{65'536}, entries()}) {
    add_tree(size, true);
    add_tree(size, false);
  }
  for (int i = 0; i < 3; ++i) add_tree(1 + below(entries()), i == 0);
  const json verdicts = judged(
      {{"entries", (folder_ / "entries").string()}, {"entry_bytes", kEntryBytes}, {"trees", trees_.texts}});
  ASSERT_TRUE(verdicts.is_object());
  trees_.compare(verdicts["trees"]);
}

TEST_F(LogByGo, ShowsItsEntriesOffline) {
  Claims claims;
  for (int i = 0; i < 50; ++i) {
    const NoteKey key = *NoteKey::of_seed(KeyKind::kLog, "log.example.com", bytes(32));
    const std::uint64_t size = 2 + below(entries() - 1);
    Note note{Checkpoint{.origin = key.name(), .size = size, .root = tree_.root(size)}.write(), {}};
    note.signatures = {key.sign(note.text, kNow)};
    const std::uint64_t index = below(size);
    const InclusionProof proof{.extra = bytes(below(3) * 100),
                               .index = index,
                               .path = tree_.prove(inclusion_plan(index, size)),
                               .checkpoint = note};
    const auto add = [&](std::uint64_t of, bool holds) {
      claims.add({{"key", key.public_text()}, {"index", of}, {"proof", proof.write()}}, holds);
    };
    add(index, true);
    add((index + 1) % size, false);
  }
  const json verdicts = judged(
      {{"entries", (folder_ / "entries").string()}, {"entry_bytes", kEntryBytes}, {"proofs", claims.texts}});
  ASSERT_TRUE(verdicts.is_object());
  claims.compare(verdicts["proofs"]);
}

class NotesByOthers : public ThirdParty {
 protected:
  std::string name() { return "log.example.com/ws/p\u00e4yments/" + std::to_string(below(1000)); }
  std::string text() {
    return Checkpoint{.origin = name(), .size = random_(), .root = encoding::sha256(bytes(9))}.write();
  }
};

TEST_F(NotesByOthers, GoVerifiesOurs) {
  Claims claims;
  const NoteKey witness = *NoteKey::of_seed(KeyKind::kWitness, "witness.example.com", bytes(32));
  for (int i = 0; i < 40; ++i) {
    const NoteKey key = *NoteKey::of_seed(KeyKind::kLog, name(), bytes(32));
    Note note{i % 2 == 0 ? text() : text() + "\n" + text(), {}};
    note.signatures = {witness.sign(note.text, kNow), key.sign(note.text, kNow)};
    claims.add({{"key", key.public_text()}, {"note", note.write()}}, true);
    std::string& changed = i % 4 < 2 ? note.text : note.signatures[1].bytes;
    // A digit of the text remains one, so that the note can be read.
    changed[i % 4 < 2 ? note.text.find_first_of("0123456789") : below(changed.size())] ^= 1;
    EXPECT_FALSE(key.verify(note));
    claims.add({{"key", key.public_text()}, {"note", note.write()}}, false);
  }
  const json verdicts = judged({{"notes", claims.texts}});
  ASSERT_TRUE(verdicts.is_object());
  claims.compare(verdicts["notes"]);
}

TEST_F(NotesByOthers, WeVerifyGos) {
  json to_sign = json::array();
  for (int i = 0; i < 40; ++i) to_sign.push_back({{"name", name()}, {"text", text()}});
  const json verdicts = judged({{"to_sign", to_sign}});
  ASSERT_TRUE(verdicts.is_object());
  ASSERT_EQ(verdicts["signed"].size(), to_sign.size());
  for (std::size_t at = 0; at < to_sign.size(); ++at) {
    const json& made = verdicts["signed"][at];
    SCOPED_TRACE(made["note"].dump());
    const auto key = NoteKey::read(made["key"].get<std::string>());
    const auto private_key = NoteKey::read(made["private_key"].get<std::string>());
    auto note = Note::read(made["note"].get<std::string>());
    ASSERT_TRUE(key && private_key && note);
    EXPECT_EQ(key->name(), to_sign[at]["name"].get<std::string>());
    EXPECT_EQ(note->text, to_sign[at]["text"].get<std::string>());
    EXPECT_TRUE(key->verify(*note));
    EXPECT_EQ(private_key->public_text(), key->public_text());
    EXPECT_EQ(private_key->sign(note->text, kNow), note->signatures.at(0));
    note->text += "more\n";
    EXPECT_FALSE(key->verify(*note));
  }
}

// With nothing but a shell, base64 and openssl: `vkey` has the key as text, `checkpoint` the note.
TEST_F(NotesByOthers, OpensslVerifiesOurs) {
  const std::string commands = R"(
    { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cut -d + -f 3- vkey | base64 -d | tail -c 32; } |
      openssl pkey -pubin -inform DER -out key.pem &&
    sed '/^$/,$d' checkpoint >text &&
    grep -F "— $(cut -d + -f 1 vkey) " checkpoint | cut -d ' ' -f 3 | base64 -d | tail -c 64 >signature &&
    openssl pkeyutl -verify -rawin -pubin -inkey key.pem -in text -sigfile signature)";
  const NoteKey witness = *NoteKey::of_seed(KeyKind::kWitness, "witness.example.com", bytes(32));
  for (int i = 0; i < 5; ++i) {
    const NoteKey key = *NoteKey::of_seed(KeyKind::kLog, name(), bytes(32));
    Note note{text(), {}};
    note.signatures = {witness.sign(note.text, kNow), key.sign(note.text, kNow)};
    write(folder_ / "vkey", key.public_text() + "\n");
    write(folder_ / "checkpoint", note.write());
    const Ended good = shell(folder_, commands);
    EXPECT_EQ(good.status, 0);
    EXPECT_EQ(good.output, "Signature Verified Successfully\n");
    note.text[note.text.find('\n') + 1] ^= 1;
    write(folder_ / "checkpoint", note.write());
    const Ended bad = shell(folder_, commands);
    EXPECT_NE(bad.status, 0);
    EXPECT_EQ(bad.output, "Signature Verification Failure\n");
  }
}

}  // namespace
}  // namespace storagepool::tlog
