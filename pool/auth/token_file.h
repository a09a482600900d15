// A mounted file of bearer tokens, one per line, so that an old and a new one can overlap while they are
// rotated. It is read anew when it was last read long enough ago, whatever the kubelet did to the links that
// lead to it. A file that is gone, unreadable or empty admits nobody.
//
// A token is 16 or more visible ASCII characters; blanks around it and empty lines do not count. A line that
// is no such token admits nobody and is reported by its number, never by what it holds.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pool/auth/token_digest.h"

namespace storagepool::auth {

inline constexpr std::size_t kMinTokenBytes = 16;
inline constexpr std::size_t kMaxTokenFileBytes = std::size_t{8} * 1024;  // of a larger file nothing is taken

struct Tokens {
  std::vector<TokenDigest> digests;
  std::vector<std::string> problems;  // e.g. "line 2: a token has at least 16 characters, this one 5"
};
Tokens parse_tokens(std::string_view text);

// Blocking reads of a small local file. For one thread.
class TokenFile {
 public:
  // The file is read on the first question, and again when `reread` has passed.
  TokenFile(std::string path, std::chrono::steady_clock::duration reread);

  // Whether one of the tokens has this digest; compares with all of them in constant time.
  bool holds(const TokenDigest& token, std::chrono::steady_clock::time_point now);

  std::size_t size(std::chrono::steady_clock::time_point now);  // usable tokens
  // What is wrong with the file, naming its path; empty when nothing is.
  std::vector<std::string> problems(std::chrono::steady_clock::time_point now);
  bool exists() const;

 private:
  const Tokens& current(std::chrono::steady_clock::time_point now);

  std::string path_;
  std::chrono::steady_clock::duration reread_;
  std::optional<std::chrono::steady_clock::time_point> read_at_;
  Tokens tokens_;
};

}  // namespace storagepool::auth
