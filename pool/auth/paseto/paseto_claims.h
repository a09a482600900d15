// The claims of a verified PASETO message: a JSON object (strict_json.h) with `exp` (required), `nbf` and
// `iat` as RFC 3339 times, `iss`, `aud`, `sub` (at most 255 bytes), `scope`, words separated by blanks of
// which those of scopes.h are ours, and `workspaces`, a list of the places that it is confined to. Other
// claims are not looked at. A claim of ours of another type or unreadable makes the token invalid.
#pragma once

#include <optional>
#include <string_view>

#include "pool/auth/tokens/claims.h"

namespace storagepool::auth {

// No value also when the token is not between these parties. Without a scope nothing is allowed.
std::optional<Claims> read_claims(std::string_view message, const Parties& parties = {});

}  // namespace storagepool::auth
