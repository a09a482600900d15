// Kubernetes service-account tokens, verified without asking the API server: JWTs (jwt.h) that one of the
// issuer's keys signed, named by its `kid`, with the claims
//
//   iss, aud         as the access file asks (access_file.h)
//   exp              required; nbf and iat where they are given: NumericDate (RFC 7519, section 2)
//   sub              system:serviceaccount:NAMESPACE:NAME, at most 255 bytes; the subject
//   kubernetes.io    {namespace, serviceaccount: {name, uid}}, the same as in `sub`; pod and node are not
//                    looked at
//
// Nobody tells us that a ServiceAccount or its pod was deleted: such a token admits until it expires, unless
// the access file lists the namespaces that exist and its own is not among them.
//
// The file is read anew when it was last read long enough ago. What was read once stays in force while the
// file is away or unusable, and only then: a pod does not turn clients away because its operator errs.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/service_accounts/access_file.h"
#include "pool/auth/tokens/bearer.h"
#include "pool/auth/tokens/claims.h"
#include "pool/auth/tokens/rereading.h"
#include "pool/auth/tokens/verified_tokens.h"

namespace storagepool::auth {

// The claims of a token that the file's issuer has signed for one of its audiences.
std::optional<Claims> genuine_claims(std::string_view token, const AccessFile& file);

// For one thread.
class ServiceAccountVerifier {
 public:
  ServiceAccountVerifier(const std::string& path, std::chrono::steady_clock::duration reread);
  ServiceAccountVerifier(const ServiceAccountVerifier&) = delete;

  // What the token gives, or that it is expired or invalid.
  tl::expected<http::Access, Refusal> admit(std::string_view token, std::chrono::steady_clock::time_point now,
                                            runtime::Timestamp wall);

  // What is wrong with the file; empty when nothing is.
  const std::vector<std::string>& problems(std::chrono::steady_clock::time_point now);

 private:
  struct InForce {
    std::string text;  // that `file` was read from
    std::optional<AccessFile> file;
    std::vector<std::string> problems;
  };
  void read(const std::string& path, InForce& in_force);

  VerifiedTokens verified_;
  Rereading<InForce> in_force_;
};

}  // namespace storagepool::auth
