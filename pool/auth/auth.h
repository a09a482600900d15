// Who may send requests to the API: everybody (None), holders of mounted tokens (Token) or of PASETO
// v4.public tokens that a trusted key signed (Paseto). Readers and writers are told apart. The
// administration's numbers are never open: they take a reader's token, and nobody's where there are none.
//
// Tokens and keys are mounted files, read anew about every second, so that they are rotated without a
// restart. Nothing that is refused or reported holds a token.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/bearer.h"
#include "pool/auth/paseto_verifier.h"
#include "pool/auth/token_file.h"
#include "pool/common/http/access.h"
#include "pool/common/http/server.h"

namespace storagepool::auth {

enum class AuthMode { kNone, kToken, kPaseto };
std::optional<AuthMode> parse_auth_mode(std::string_view name);  // "None", "Token" or "Paseto"
std::string_view to_string(AuthMode mode);

struct AuthOptions {
  AuthMode mode = AuthMode::kNone;
  // Token: the files "read" (tokens that may read), "write" (that may write) and "token" (that may do both),
  // each of which may be absent. Paseto: files of public keys.
  std::string dir = "/etc/storagepool/auth";
  std::chrono::milliseconds reread{1000};  // how long files are taken to hold what they held
};

struct Now {
  std::chrono::steady_clock::time_point steady;
  runtime::Timestamp wall;
};
Now current_time();

// For one thread, that of the event loop.
class Authenticator {
 public:
  explicit Authenticator(AuthOptions options);

  // What the sender of the request may do. An admitted sender may still lack the right that a route needs.
  tl::expected<http::Access, Refusal> authenticate(const http::Request& request, Now now);

  // Admits a reader's token, and nobody when the mode is None.
  tl::expected<http::Access, Refusal> check_reader(const http::Request& request, Now now);

  // What is wrong with the mounted files, one sentence each; empty when nothing is.
  std::vector<std::string> status(Now now);

 private:
  std::optional<http::Access> admit_token(std::string_view token, Now now);

  AuthOptions options_;
  TokenFile readers_;
  TokenFile writers_;
  TokenFile both_;
  PasetoVerifier paseto_;
};

// A path that check_reader guards instead, and how its refusals are answered.
struct AdminPath {
  std::string path;
  std::function<http::Response(const http::Request&, Refusal)> refuse = refused;
};

// The gate in front of the routes: refuses (401), or lets the request on with its Access filled.
// Access::admin is true only of requests to an admin path whose sender was admitted to it, and the route
// there must ask for it. `on_refused` is told of its refusals. The authenticator must outlive the gate.
http::Gate authenticated(Authenticator& authenticator, std::vector<AdminPath> admin_paths,
                         OnRefused on_refused);

// Tells `on_refused` of the 403 of `routes`, behind the gate.
http::Handler telling_of_forbidden(http::Handler routes, OnRefused on_refused);

}  // namespace storagepool::auth
