// Requests of the operator to the administration port: each carries a PASETO v4.public token that is for it
// alone, a JSON object (RFC 8259) with the claims, all required,
//
//   aud            the pod's UID
//   method, path   as in the request line; the path with its query
//   body           the SHA-256 of the body, hexadecimal, also of an empty one
//   iat, nbf, exp  RFC 3339 times
//
// signed with a key whose public part is in a file beside the configuration. The file holds one key per line
// (see parse_public_key), several while keys are rotated, and is read anew when it was last read long enough
// ago. A file that is gone, unreadable or empty admits nobody.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/paseto/paseto_keys.h"
#include "pool/auth/tokens/bearer.h"
#include "pool/common/http/server.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::auth {

// By how much the operator's clock may differ from ours.
inline constexpr std::chrono::seconds kMaxOperatorClockSkew{60};

// For one thread.
class OperatorRequests {
 public:
  // `pod_uid`: empty admits nobody.
  OperatorRequests(std::string key_file, std::string pod_uid, std::chrono::steady_clock::duration reread);

  // Whether the operator made this request, as far as its head tells: everything but the body.
  tl::expected<void, Refusal> check_head(const http::Request& request,
                                         std::chrono::steady_clock::time_point now, runtime::Timestamp wall);

  // What is wrong with the file, naming its path; empty when nothing is.
  const std::vector<std::string>& problems(std::chrono::steady_clock::time_point now);

 private:
  const PublicKeys& keys(std::chrono::steady_clock::time_point now);

  std::string key_file_;
  std::string pod_uid_;
  std::chrono::steady_clock::duration reread_;
  std::optional<std::chrono::steady_clock::time_point> read_at_;
  PublicKeys keys_;
};

// Whether the body is the one that the token of a request names, whose head was found to be the operator's.
bool is_body_of_token(const http::Request& request);

}  // namespace storagepool::auth
