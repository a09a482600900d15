#include "pool/auth/tokens/token_file.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <openssl/crypto.h>
#include <tl/expected.hpp>

#include "pool/auth/tokens/claims.h"
#include "pool/auth/tokens/scopes.h"
#include "pool/auth/tokens/text_lines.h"
#include "pool/common/runtime/files.h"

namespace storagepool::auth {
namespace {

using std::chrono::steady_clock;

bool is_visible(char c) {
  return c > ' ' && c < '\x7f';
}

Tokens read_tokens(const std::string& path, Tokens (*parse)(std::string_view), std::size_t max_bytes) {
  auto text = runtime::read_file(path, max_bytes);
  if (!text) return {{}, {text.error()}};
  Tokens tokens = parse(*text);
  OPENSSL_cleanse(text->data(), text->size());
  for (std::string& problem : tokens.problems) problem.insert(0, path + ": ");
  return tokens;
}

// What is wrong with a token, if anything.
std::optional<std::string> refuse(std::string_view token) {
  if (!std::all_of(token.begin(), token.end(), is_visible))
    return "a token consists of visible ASCII characters only";
  if (token.size() >= kMinTokenBytes) return std::nullopt;
  return "a token has at least " + std::to_string(kMinTokenBytes) + " characters, this one " +
         std::to_string(token.size());
}

// The text up to the separator, which is taken off `rest` together with it.
std::string_view take_until(char separator, std::string_view& rest) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

bool take_scopes(std::string_view scopes, http::Access& access) {
  if (scopes.empty()) return false;
  while (!scopes.empty()) {
    if (!add_scope(access, take_until(',', scopes))) return false;
  }
  return true;
}

bool take_places(std::string_view places, http::Access& access) {
  access.workspaces.emplace();
  while (!places.empty()) {
    const std::string_view place = take_until(',', places);
    if (!is_place(place) || access.workspaces->size() == kMaxPlaces) return false;
    access.workspaces->emplace_back(place);
  }
  return !access.workspaces->empty();
}

// NAME:SCOPES[:WORKSPACES], or what is wrong with it.
tl::expected<http::Access, std::string> parse_grant(std::string_view text) {
  http::Access access = http::no_access();
  access.subject = take_until(':', text);
  if (access.subject.empty() || access.subject.size() > kMaxSubjectBytes ||
      !std::all_of(access.subject.begin(), access.subject.end(), is_visible)) {
    return tl::unexpected(
        std::string("a token is followed by a blank and NAME:SCOPES or NAME:SCOPES:WORKSPACES"));
  }
  const bool confined = std::count(text.begin(), text.end(), ':') > 0;
  if (!take_scopes(take_until(':', text), access)) {
    return tl::unexpected("the scopes are " + std::string(kScopes) + ", separated by commas");
  }
  if (confined && !take_places(text, access)) {
    return tl::unexpected(
        std::string("the workspaces are names, globs or _system, separated by commas, 64 at most"));
  }
  return access;
}

// The token of a line, or what is wrong with it.
tl::expected<Token, std::string> parse_plain(std::string_view line) {
  if (auto problem = refuse(line)) return tl::unexpected(std::move(*problem));
  return Token{digest_of(line), http::no_access()};
}

tl::expected<Token, std::string> parse_named(std::string_view line) {
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view token = line.substr(0, end);
  line.remove_prefix(std::min(line.find_first_not_of(" \t", end), line.size()));
  if (auto problem = refuse(token)) return tl::unexpected(std::move(*problem));
  auto access = parse_grant(line);
  if (!access) return tl::unexpected(std::move(access.error()));
  return Token{digest_of(token), std::move(*access)};
}

Tokens parse_lines(std::string_view text, tl::expected<Token, std::string> (*parse)(std::string_view)) {
  Tokens tokens;
  for (const auto& [number, line] : lines_of(text)) {
    auto token = parse(line);
    if (token) {
      tokens.tokens.push_back(std::move(*token));
    } else {
      tokens.problems.push_back("line " + std::to_string(number) + ": " + token.error());
    }
  }
  if (tokens.tokens.empty() && tokens.problems.empty()) tokens.problems.emplace_back("holds no token");
  return tokens;
}

}  // namespace

Tokens parse_tokens(std::string_view text) {
  return parse_lines(text, parse_plain);
}

Tokens parse_named_tokens(std::string_view text) {
  return parse_lines(text, parse_named);
}

TokenFile::TokenFile(std::string path, Tokens (*parse)(std::string_view), std::size_t max_bytes,
                     steady_clock::duration reread)
    : path_(std::move(path)),
      tokens_(
          [path = path_, parse, max_bytes](Tokens& tokens) { tokens = read_tokens(path, parse, max_bytes); },
          reread) {}

std::optional<http::Access> TokenFile::find(const TokenDigest& token, steady_clock::time_point now) {
  const Token* found = nullptr;
  for (const Token& candidate : tokens_.at(now).tokens) {
    if (same(candidate.digest, token)) found = &candidate;
  }
  if (found == nullptr) return std::nullopt;
  return found->access;
}

std::size_t TokenFile::size(steady_clock::time_point now) {
  return tokens_.at(now).tokens.size();
}

std::vector<std::string> TokenFile::problems(steady_clock::time_point now) {
  return tokens_.at(now).problems;
}

bool TokenFile::exists() const {
  std::error_code unknown;
  return std::filesystem::exists(path_, unknown) || unknown;
}

}  // namespace storagepool::auth
