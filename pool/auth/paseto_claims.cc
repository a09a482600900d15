#include "pool/auth/paseto_claims.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

namespace storagepool::auth {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxSubjectBytes = 255;

enum Claim : std::size_t { kExp, kNbf, kIat, kSub, kScope, kClaims };
constexpr std::array<std::string_view, kClaims> kNames = {"exp", "nbf", "iat", "sub", "scope"};

// Follows the parser through the message and keeps our claims, which must be strings, each given once.
class ClaimsReader {
 public:
  const std::optional<std::string>& operator[](Claim claim) const { return values_[claim]; }

  bool null() { return other(); }
  bool boolean(bool) { return other(); }
  bool number_integer(std::int64_t) { return other(); }
  bool number_unsigned(std::uint64_t) { return other(); }
  bool number_float(double, const std::string&) { return other(); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool string(std::string& value) {
    if (depth_ == 0) return false;
    if (const auto claim = current()) {
      if (values_[*claim]) return false;
      values_[*claim] = std::move(value);
    }
    return true;
  }
  bool start_object(std::size_t) {
    if (depth_ > 0 && current()) return false;
    return ++depth_ <= kMaxDepth;
  }
  bool start_array(std::size_t) {
    if (depth_ == 0 || current()) return false;
    return ++depth_ <= kMaxDepth;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (depth_ == 1)
      name_ = static_cast<std::size_t>(std::find(kNames.begin(), kNames.end(), name) - kNames.begin());
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) { return false; }

 private:
  std::optional<std::size_t> current() const {
    if (depth_ != 1 || name_ == kClaims) return std::nullopt;
    return name_;
  }
  bool other() const { return depth_ > 0 && !current(); }
  bool close() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
  std::size_t name_ = kClaims;
  std::array<std::optional<std::string>, kClaims> values_;
};

http::Access access_of(std::string_view scope) {
  http::Access access{.read = false, .write = false, .admin = false, .subject = {}};
  while (!scope.empty()) {
    const std::size_t end = std::min(scope.find(' '), scope.size());
    const std::string_view word = scope.substr(0, end);
    access.read |= word == "read";
    access.write |= word == "write";
    scope.remove_prefix(std::min(end + 1, scope.size()));
  }
  return access;
}

// False when the claim is there and is no time.
bool read_time(const std::optional<std::string>& text, std::optional<runtime::Timestamp>& time) {
  if (!text) return true;
  time = runtime::parse_timestamp(*text);
  return time.has_value();
}

}  // namespace

std::optional<PasetoClaims> read_claims(std::string_view message) {
  // The parser would take a NUL byte for the end of its input.
  if (message.find('\0') != std::string_view::npos) return std::nullopt;
  ClaimsReader claims;
  if (!nlohmann::json::sax_parse(message, &claims)) return std::nullopt;

  PasetoClaims read;
  std::optional<runtime::Timestamp> expires;
  if (!read_time(claims[kExp], expires) || !expires || !read_time(claims[kNbf], read.not_before) ||
      !read_time(claims[kIat], read.issued)) {
    return std::nullopt;
  }
  read.expires = *expires;
  read.access = access_of(claims[kScope].value_or(""));
  read.access.subject = claims[kSub].value_or("");
  if (read.access.subject.size() > kMaxSubjectBytes) return std::nullopt;
  return read;
}

bool expired_at(const PasetoClaims& claims, runtime::Timestamp now) {
  return claims.expires <= now - kMaxClockSkew;
}

bool valid_at(const PasetoClaims& claims, runtime::Timestamp now) {
  const runtime::Timestamp latest = now + kMaxClockSkew;
  return !expired_at(claims, now) && (!claims.not_before || *claims.not_before <= latest) &&
         (!claims.issued || *claims.issued <= latest);
}

}  // namespace storagepool::auth
