// Which PASETO tokens admit: those signed with one of the keys in a mounted folder, between the parties that
// are asked for and valid now. The folder is read anew when it was last read long enough ago. Tokens that
// were found genuine are remembered until the keys change (verified_tokens.h); those that were refused are
// not.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/paseto/paseto_claims.h"
#include "pool/auth/paseto/paseto_keys.h"
#include "pool/auth/tokens/bearer.h"
#include "pool/auth/tokens/rereading.h"
#include "pool/auth/tokens/verified_tokens.h"
#include "pool/common/http/message/access.h"

namespace storagepool::auth {

// The claims of a token that one of `keys` signed.
std::optional<Claims> genuine_claims(std::string_view token, const std::vector<PublicKey>& keys,
                                     const Parties& parties = {});

// For one thread.
class PasetoVerifier {
 public:
  PasetoVerifier(const std::string& folder, Parties parties, std::chrono::steady_clock::duration reread);
  PasetoVerifier(const PasetoVerifier&) = delete;

  // What the token gives, or that it is expired or invalid.
  tl::expected<http::Access, Refusal> admit(std::string_view token, std::chrono::steady_clock::time_point now,
                                            runtime::Timestamp wall);

  // What is wrong with the keys; empty when nothing is.
  const std::vector<std::string>& problems(std::chrono::steady_clock::time_point now);

 private:
  Parties parties_;
  VerifiedTokens verified_;
  Rereading<PublicKeys> keys_;
};

}  // namespace storagepool::auth
