// A mounted file of bearer tokens, one per line, so that an old and a new one can overlap while they are
// rotated. It is read anew when it was last read long enough ago, whatever the kubelet did to the links that
// lead to it. A file that is gone, unreadable or empty admits nobody.
//
// A token is 16 or more visible ASCII characters; blanks around it and empty lines do not count. A line that
// is no such token admits nobody and is reported by its number, never by what it holds. In a file of named
// tokens a line says after the token, and a blank, whose it is and what it gives:
//
//   TOKEN NAME:SCOPES[:WORKSPACES]        e.g. 0123456789abcdef team-a:read,write:team-a,team-a-*
//
// NAME, the subject, has at most 255 bytes and no colon; SCOPES and WORKSPACES are those of scopes.h,
// separated by commas. Without WORKSPACES they are for everywhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/auth/tokens/rereading.h"
#include "pool/auth/tokens/token_digest.h"
#include "pool/common/http/message/access.h"

namespace storagepool::auth {

inline constexpr std::size_t kMinTokenBytes = 16;
inline constexpr std::size_t kMaxTokenFileBytes = std::size_t{8} * 1024;  // of a larger file nothing is taken

inline constexpr std::size_t kMaxNamedTokenFileBytes = std::size_t{64} * 1024;

struct Token {
  TokenDigest digest{};
  http::Access access;  // of a plain token nothing: its file says what it gives
};
struct Tokens {
  std::vector<Token> tokens;
  std::vector<std::string> problems;  // e.g. "line 2: a token has at least 16 characters, this one 5"
};
Tokens parse_tokens(std::string_view text);
Tokens parse_named_tokens(std::string_view text);

// Blocking reads of a small local file. For one thread.
class TokenFile {
 public:
  // The file is read on the first question, and again when `reread` has passed.
  TokenFile(std::string path, std::chrono::steady_clock::duration reread)
      : TokenFile(std::move(path), parse_tokens, kMaxTokenFileBytes, reread) {}
  static TokenFile named(std::string path, std::chrono::steady_clock::duration reread) {
    return {std::move(path), parse_named_tokens, kMaxNamedTokenFileBytes, reread};
  }

  // What the token of this digest gives; compares with all of them in constant time. Of two lines with one
  // token the last counts.
  std::optional<http::Access> find(const TokenDigest& token, std::chrono::steady_clock::time_point now);
  bool holds(const TokenDigest& token, std::chrono::steady_clock::time_point now) {
    return find(token, now).has_value();
  }

  std::size_t size(std::chrono::steady_clock::time_point now);  // usable tokens
  // What is wrong with the file, naming its path; empty when nothing is.
  std::vector<std::string> problems(std::chrono::steady_clock::time_point now);
  bool exists() const;

 private:
  TokenFile(std::string path, Tokens (*parse)(std::string_view), std::size_t max_bytes,
            std::chrono::steady_clock::duration reread);

  std::string path_;
  Rereading<Tokens> tokens_;
};

}  // namespace storagepool::auth
