// Who may send requests to the API, and what: everybody (None), holders of mounted tokens (Token), of PASETO
// v4.public tokens that a trusted key signed (Paseto) or of Kubernetes service-account tokens
// (ServiceAccount), and who comes without one and with a client certificate (spec.tls.clientCASecretRef), who
// may read and write. What a token gives is in scopes.h. The figures of the connection pool are never open:
// they take somebody who is known, not confined to workspaces, and may read or is an administrator.
//
// Tokens and keys are mounted files, read anew about every second, so that they are rotated without a
// restart. Nothing that is refused or reported holds a token.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/paseto/paseto_verifier.h"
#include "pool/auth/service_accounts/service_account.h"
#include "pool/auth/tokens/bearer.h"
#include "pool/auth/tokens/token_file.h"
#include "pool/common/http/message/access.h"
#include "pool/common/http/server.h"

namespace storagepool::auth {

enum class AuthMode { kNone, kToken, kPaseto, kServiceAccount };
inline constexpr std::array kAuthModes = {AuthMode::kNone, AuthMode::kToken, AuthMode::kPaseto,
                                          AuthMode::kServiceAccount};
std::optional<AuthMode> parse_auth_mode(
    std::string_view name);  // "None", "Token", "Paseto", "ServiceAccount"
std::string_view to_string(AuthMode mode);

struct AuthOptions {
  AuthMode mode = AuthMode::kNone;
  // Token: the files "read" (tokens that may read), "write" (that may write), "token" (that may do both) and
  // "tokens" (named ones, see token_file.h), each of which may be absent. Paseto: files of public keys.
  std::string dir = "/etc/storagepool/auth";
  Parties parties{};                       // of PASETO tokens
  std::string access_file{};               // ServiceAccount: see access_file.h
  std::chrono::milliseconds reread{1000};  // how long files are taken to hold what they held
};

struct Now {
  std::chrono::steady_clock::time_point steady;
  runtime::Timestamp wall;
};
Now current_time();

// Thread-safe.
class Authenticator {
 public:
  explicit Authenticator(AuthOptions options);

  // What the sender of the request may do. An admitted sender may still lack the right that a route needs.
  tl::expected<http::Access, Refusal> authenticate(const http::Request& request, Now now);

  // The same of a request for the figures of the connection pool: Access::figures is set, or it is refused.
  tl::expected<http::Access, Refusal> check_reader(const http::Request& request, Now now);

  // What is wrong with the mounted files, one sentence each; empty when nothing is.
  std::vector<std::string> status(Now now);

 private:
  tl::expected<http::Access, Refusal> admit_token(std::string_view token, Now now);

  const AuthOptions options_;
  std::mutex mutex_;  // guards what has been read of the files
  TokenFile readers_;
  TokenFile writers_;
  TokenFile both_;
  TokenFile named_;
  PasetoVerifier paseto_;
  ServiceAccountVerifier service_accounts_;
};

// A path that check_reader guards instead, and how its refusals are answered.
struct AdminPath {
  std::string path;
  std::function<http::Response(const http::Request&, Refusal)> refuse = refused;
};

// The gate in front of the routes: refuses (401), or lets the request on with its Access filled.
// Access::figures is true only of requests to an admin path whose sender was admitted to it, and the route
// there must ask for it. `on_refused` is told of its refusals. The authenticator must outlive the gate.
http::Gate authenticated(Authenticator& authenticator, std::vector<AdminPath> admin_paths,
                         OnRefused on_refused);

// Tells `on_refused` of the 403 of `routes`, behind the gate.
http::Handler telling_of_forbidden(http::Handler routes, OnRefused on_refused);

}  // namespace storagepool::auth
