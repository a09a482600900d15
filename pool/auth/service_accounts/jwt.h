// Signed JSON Web Tokens (RFC 7519) as Kubernetes issues them for service accounts: JWS in compact form (RFC
// 7515), signed with RS256 or ES256 (RFC 7518) and nothing else, as RFC 8725 advises.
//
// Parsing is strict, so that one token has one spelling: three parts of base64url (encoding.h), a header of
// strict JSON (strict_json.h). What a header says of keys (`jwk`, `jku`, `x5c`, `x5u`) is not looked at, and
// `crit` is refused: we understand no extension. A payload is worth nothing before verify() (jwk_set.h) said
// whose it is.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::auth {

inline constexpr std::size_t kMaxJwtBytes = std::size_t{8} * 1024;  // longer ones are not looked at

enum class JwtAlgorithm { kRs256, kEs256 };
std::optional<JwtAlgorithm> parse_jwt_algorithm(std::string_view name);  // "RS256" or "ES256"

struct Jwt {
  JwtAlgorithm algorithm = JwtAlgorithm::kRs256;
  std::string key_id;       // "" where the header names none
  std::string signed_text;  // header and payload as they were sent
  std::string payload;
  std::string signature;
};

// No value for anything but a well-formed token of at most kMaxJwtBytes.
std::optional<Jwt> parse_jwt(std::string_view token);

}  // namespace storagepool::auth
