#include "pool/auth/token_file.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <openssl/crypto.h>

#include "pool/auth/text_lines.h"
#include "pool/common/runtime/files.h"

namespace storagepool::auth {
namespace {

using std::chrono::steady_clock;

bool is_visible(char c) {
  return c > ' ' && c < '\x7f';
}

Tokens read_tokens(const std::string& path) {
  auto text = runtime::read_file(path, kMaxTokenFileBytes);
  if (!text) return {{}, {text.error()}};
  Tokens tokens = parse_tokens(*text);
  OPENSSL_cleanse(text->data(), text->size());
  for (std::string& problem : tokens.problems) problem.insert(0, path + ": ");
  return tokens;
}

}  // namespace

Tokens parse_tokens(std::string_view text) {
  Tokens tokens;
  for (const auto& [number, token] : lines_of(text)) {
    const std::string line = "line " + std::to_string(number) + ": ";
    if (!std::all_of(token.begin(), token.end(), is_visible)) {
      tokens.problems.push_back(line + "a token consists of visible ASCII characters only");
    } else if (token.size() < kMinTokenBytes) {
      tokens.problems.push_back(line + "a token has at least " + std::to_string(kMinTokenBytes) +
                                " characters, this one " + std::to_string(token.size()));
    } else {
      tokens.digests.push_back(digest_of(token));
    }
  }
  if (tokens.digests.empty() && tokens.problems.empty()) tokens.problems.emplace_back("holds no token");
  return tokens;
}

TokenFile::TokenFile(std::string path, steady_clock::duration reread)
    : path_(std::move(path)), reread_(reread) {}

const Tokens& TokenFile::current(steady_clock::time_point now) {
  if (!read_at_ || now - *read_at_ >= reread_) {
    tokens_ = read_tokens(path_);
    read_at_ = now;
  }
  return tokens_;
}

bool TokenFile::holds(const TokenDigest& token, steady_clock::time_point now) {
  bool found = false;
  for (const TokenDigest& candidate : current(now).digests) found |= same(candidate, token);
  return found;
}

std::size_t TokenFile::size(steady_clock::time_point now) {
  return current(now).digests.size();
}

std::vector<std::string> TokenFile::problems(steady_clock::time_point now) {
  return current(now).problems;
}

bool TokenFile::exists() const {
  std::error_code unknown;
  return std::filesystem::exists(path_, unknown) || unknown;
}

}  // namespace storagepool::auth
