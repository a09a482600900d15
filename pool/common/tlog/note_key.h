// Keys of signed notes, in Go's form (golang.org/x/mod/sumdb/note), Ed25519 from OpenSSL: `name+id+base64`
// for who verifies, `PRIVATE+KEY+name+id+base64` for who signs. Of two kinds: those of logs sign a note's
// text as it is; those of witnesses say when (c2sp.org/tlog-cosignature, v1). Pure: the clock is given.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/evp.h>
#include <tl/expected.hpp>

#include "pool/common/tlog/note.h"

namespace storagepool::tlog {

enum class KeyKind : std::uint8_t { kLog = 0x01, kWitness = 0x04 };

inline constexpr std::size_t kSeedBytes = 32;

// Of a good signature.
struct Verified {
  std::optional<std::chrono::sys_seconds> at{};  // by the witness's clock; a log's signature does not say
  friend bool operator==(const Verified&, const Verified&) = default;
};

class NoteKey {
 public:
  // Of 32 bytes, the public key, or the seed of the pair (RFC 8032, 5.1.5). The name must be one:
  // is_key_name.
  static tl::expected<NoteKey, std::string> of_public(KeyKind kind, std::string_view name,
                                                      std::string_view bytes);
  static tl::expected<NoteKey, std::string> of_seed(KeyKind kind, std::string_view name,
                                                    std::string_view seed);
  // Either text. The error never shows it.
  static tl::expected<NoteKey, std::string> read(std::string_view text);

  // The public key, under another name.
  tl::expected<NoteKey, std::string> renamed(std::string_view name) const;

  const std::string& name() const { return name_; }
  KeyKind kind() const { return kind_; }
  std::uint32_t id() const { return id_; }
  // What others verify with.
  std::string public_text() const;
  // The 32 bytes that it is made of; empty of a public key. A secret, as is the text that has it.
  std::string seed() const;
  std::string private_text() const;  // REQUIRES: made of a seed

  // REQUIRES: made of a seed; `now`, which a log's key does not look at, is not before 1970.
  NoteSignature sign(std::string_view text, std::chrono::sys_seconds now) const;
  // The first signature of this key, if it is good; no value if there is none or it is not.
  std::optional<Verified> verify(const Note& note) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  NoteKey(KeyKind kind, std::string_view name, EVP_PKEY* key);
  std::string text_of(const std::string& bytes) const;

  KeyKind kind_;
  std::string name_;
  std::unique_ptr<EVP_PKEY, Free> key_;
  std::string public_key_;
  std::uint32_t id_ = 0;
};

}  // namespace storagepool::tlog
