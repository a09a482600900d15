// Signed notes (c2sp.org/signed-note, golang.org/x/mod/sumdb/note): a text and lines of signatures below it.
// Pure; takes hostile text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace storagepool::tlog {

inline constexpr std::size_t kMaxNoteBytes = 64 * 1024;
inline constexpr std::size_t kMaxNoteSignatures = 100;  // as Go's

struct NoteSignature {
  std::string name{};        // of the key
  std::uint32_t key_id = 0;  // a hint which key of that name it is
  std::string bytes{};       // of the signature, without the key's id
  friend bool operator==(const NoteSignature&, const NoteSignature&) = default;
};

// A name of a key: UTF-8 without white space and `+`, not empty.
bool is_key_name(std::string_view name);

struct Note {
  std::string text{};                       // ends with a line's end, which is signed too
  std::vector<NoteSignature> signatures{};  // in the order of the lines; nothing says yet that they are good

  // One sentence on what is wrong; never shows the note. What is read is written back the same, byte for
  // byte.
  static tl::expected<Note, std::string> read(std::string_view note);
  std::string write() const;
  friend bool operator==(const Note&, const Note&) = default;
};

}  // namespace storagepool::tlog
