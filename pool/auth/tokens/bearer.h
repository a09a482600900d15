// Bearer tokens in requests (RFC 6750): taking the token out of the Authorization header, and the answers
// when it does not admit. No answer ever holds a token. The 401 details are those of the wire contract:
// "Missing Authorization header", "Invalid Authorization header format", "Invalid or expired token".
#pragma once

#include <array>
#include <functional>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/http/server.h"

namespace storagepool::auth {

enum class Refusal {
  kMissingHeader,    // 401
  kMalformedHeader,  // 401: anything but one `Bearer <token>`
  kInvalidToken,     // 401: unknown, not valid yet, or signed by nobody we trust
  kExpiredToken,     // 401, in the same words: signed by somebody we trust, for a time that is over
  kForbidden,        // 403: known, but without the right that is asked for
};
inline constexpr std::array kRefusals = {Refusal::kMissingHeader, Refusal::kMalformedHeader,
                                         Refusal::kInvalidToken, Refusal::kExpiredToken, Refusal::kForbidden};
std::string_view to_string(Refusal refusal);  // "missing", "malformed", "invalid", "expired" or "forbidden"

// Told of every refused request, for statistics.
using OnRefused = std::function<void(Refusal)>;

// The token as sent; it lives as long as the request's headers.
tl::expected<std::string_view, Refusal> bearer_token(const http::Request& request);

// The answer to a refused request as problem details, with its challenge in WWW-Authenticate; kForbidden is
// taken for want of the scope "read".
http::Response refused(const http::Request& request, Refusal refusal);

// The 403 for who lacks the scope "read", "write" or "admin"; where nobody is told apart it says that nobody
// can have it.
http::Response forbidden(const http::Request& request, std::string_view scope);

// The 403 for who is confined to other places than this workspace; empty: the system database.
http::Response forbidden_place(const http::Request& request, std::string_view workspace);

}  // namespace storagepool::auth
