#include "pool/common/tlog/note.h"

#include <algorithm>
#include <array>

#include <simdjson.h>

#include "pool/common/encoding/encoding.h"

namespace storagepool::tlog {
namespace {

constexpr std::string_view kDash = "\u2014 ";
constexpr std::size_t kKeyIdBytes = 4;

// Unicode's White_Space beyond ASCII, in UTF-8.
constexpr std::array<std::string_view, 19> kSpaces = {
    "\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

tl::unexpected<std::string> wrong(std::string what) {
  return tl::unexpected(std::move(what));
}

tl::expected<NoteSignature, std::string> read_line(std::string_view line) {
  if (!line.starts_with(kDash)) return wrong("a line below a note's text is no signature");
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  const std::string_view name = line.substr(0, space);
  if (space == std::string_view::npos || !is_key_name(name))
    return wrong("a signature of a note has no name of a key");
  const std::string_view coded = line.substr(space + 1);
  const auto bytes = encoding::decode_base64(coded);
  if (!bytes || bytes->size() <= kKeyIdBytes || encoding::encode_base64(*bytes) != coded) {
    return wrong("a signature of a note is not base64 of a key's id and a signature");
  }
  NoteSignature signature{.name = std::string(name), .bytes = bytes->substr(kKeyIdBytes)};
  for (const char c : bytes->substr(0, kKeyIdBytes)) {
    signature.key_id = signature.key_id << 8 | static_cast<std::uint8_t>(c);
  }
  return signature;
}

}  // namespace

bool is_key_name(std::string_view name) {
  return !name.empty() && is_utf8(name) && name.find_first_of("+ \t\n\v\f\r") == std::string_view::npos &&
         std::ranges::none_of(kSpaces, [&](std::string_view space) { return name.find(space) != name.npos; });
}

tl::expected<Note, std::string> Note::read(std::string_view note) {
  if (note.size() > kMaxNoteBytes) {
    return wrong("a note has " + std::to_string(note.size()) +
                 " bytes; allowed: " + std::to_string(kMaxNoteBytes));
  }
  if (!is_utf8(note)) return wrong("a note is not UTF-8");
  if (std::ranges::any_of(note, [](char c) { return static_cast<std::uint8_t>(c) < 0x20 && c != '\n'; })) {
    return wrong("a note has a control character");
  }
  const std::size_t end = note.rfind("\n\n");
  if (end == std::string_view::npos) return wrong("a note has no empty line between text and signatures");
  Note read{.text = std::string(note.substr(0, end + 1))};
  for (std::string_view rest = note.substr(end + 2); !rest.empty() || read.signatures.empty();) {
    const std::size_t line_end = rest.find('\n');
    if (line_end == std::string_view::npos) return wrong("a note does not end with a line of a signature");
    if (read.signatures.size() == kMaxNoteSignatures) {
      return wrong("a note has more than " + std::to_string(kMaxNoteSignatures) + " signatures");
    }
    auto signature = read_line(rest.substr(0, line_end));
    if (!signature) return tl::unexpected(signature.error());
    read.signatures.push_back(std::move(*signature));
    rest.remove_prefix(line_end + 1);
  }
  return read;
}

std::string Note::write() const {
  std::string note = text + "\n";
  for (const NoteSignature& signature : signatures) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(signature.key_id >> shift & 0xFF);
    note.append(kDash).append(signature.name).append(" ");
    note.append(encoding::encode_base64(bytes + signature.bytes)).append("\n");
  }
  return note;
}

}  // namespace storagepool::tlog
