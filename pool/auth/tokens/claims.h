// The claims that tokens of every kind share once their signature is verified (RFC 7519, section 4.1), and
// what is asked of them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/tokens/bearer.h"
#include "pool/common/http/message/access.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::auth {

struct Claims {
  runtime::Timestamp expires;
  std::optional<runtime::Timestamp> not_before;
  std::optional<runtime::Timestamp> issued;
  http::Access access;
};

inline constexpr std::size_t kMaxSubjectBytes = 255;

// By how much the issuer's clock may differ from ours.
inline constexpr std::chrono::seconds kMaxClockSkew{60};

// Whether its time is over, with the clock skew in its favour.
bool expired_at(const Claims& claims, runtime::Timestamp now);

// Not expired, not before its time and not issued in the future, each with the clock skew in its favour.
bool valid_at(const Claims& claims, runtime::Timestamp now);

// What a genuine token gives now, or that it is expired or invalid.
tl::expected<http::Access, Refusal> access_at(const Claims& claims, runtime::Timestamp now);

// Who must have issued a token and to whom it must be addressed, where that is asked.
struct Parties {
  std::string issuer;                  // "": anybody
  std::vector<std::string> audiences;  // none: anybody
  friend bool operator==(const Parties&, const Parties&) = default;
};

// Whether `iss` (a text) and `aud` (a text or a list of texts, of which one is enough) are as asked. A claim
// of another type never is.
bool between(const json::Json& claims, const Parties& parties);

}  // namespace storagepool::auth
