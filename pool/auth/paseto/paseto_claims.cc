#include "pool/auth/paseto/paseto_claims.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pool/auth/tokens/scopes.h"
#include "pool/auth/tokens/strict_json.h"

namespace storagepool::auth {
namespace {

using json::Json;

// False when the claim is there and is no text.
bool read_text(const Json& claims, const char* name, std::string& text) {
  if (!claims.contains(name)) return true;
  text = json::text_of(claims[name]);
  return claims[name].is_string();
}

// False when the claim is there and is no time.
bool read_time(const Json& claims, const char* name, std::optional<runtime::Timestamp>& time) {
  if (!claims.contains(name)) return true;
  time = runtime::parse_timestamp(json::text_of(claims[name]));
  return time.has_value();
}

// False when the claim is there and is no list of places.
bool read_places(const Json& claims, http::Access& access) {
  const auto given = claims.find("workspaces");
  if (given == claims.end()) return true;
  if (!given->is_array() || given->size() > kMaxPlaces) return false;
  access.workspaces.emplace();
  for (const Json& place : *given) {
    if (!is_place(json::text_of(place))) return false;
    access.workspaces->push_back(place.get<std::string>());
  }
  return true;
}

void add_scopes(http::Access& access, std::string_view words) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    add_scope(access, words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

}  // namespace

std::optional<Claims> read_claims(std::string_view message, const Parties& parties) {
  const auto given = parse_strict_json(message);
  if (!given || !given->is_object() || !between(*given, parties)) return std::nullopt;
  Claims claims;
  claims.access = http::no_access();
  std::optional<runtime::Timestamp> expires;
  std::string scope;
  if (!read_time(*given, "exp", expires) || !expires || !read_time(*given, "nbf", claims.not_before) ||
      !read_time(*given, "iat", claims.issued) || !read_text(*given, "sub", claims.access.subject) ||
      !read_text(*given, "scope", scope) || !read_places(*given, claims.access) ||
      claims.access.subject.size() > kMaxSubjectBytes) {
    return std::nullopt;
  }
  claims.expires = *expires;
  add_scopes(claims.access, scope);
  return claims;
}

}  // namespace storagepool::auth
