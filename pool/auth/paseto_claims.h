// The claims of a verified PASETO message: a JSON object (RFC 8259) with `exp` (required), `nbf` and `iat` as
// RFC 3339 times, `sub` (at most 255 bytes) and `scope`, words separated by blanks of which `read` and
// `write` are ours. Other claims are not looked at. A claim of ours of another type, given twice or
// unreadable makes the token invalid, as does JSON nested deeper than 16 levels.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/http/access.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::auth {

struct PasetoClaims {
  runtime::Timestamp expires;
  std::optional<runtime::Timestamp> not_before;
  std::optional<runtime::Timestamp> issued;
  http::Access access;  // what the scope gives: without one, nothing
};

std::optional<PasetoClaims> read_claims(std::string_view message);

// By how much the issuer's clock may differ from ours.
inline constexpr std::chrono::seconds kMaxClockSkew{60};

// Whether its time is over, with the clock skew in its favour.
bool expired_at(const PasetoClaims& claims, runtime::Timestamp now);

// Not expired, not before its time and not issued in the future, each with the clock skew in its favour.
bool valid_at(const PasetoClaims& claims, runtime::Timestamp now);

}  // namespace storagepool::auth
