// libFuzzer target: what mode ServiceAccount reads from outside. Besides not crashing, a token that is taken
// apart must be spelled in the one way its parts are spelled, no token admits that the issuer did not sign,
// and whom a file of access lets in must be let in by one of its entries.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pool/auth/service_accounts/access_file.h"
#include "pool/auth/service_accounts/jwk_set.h"
#include "pool/auth/service_accounts/jwt.h"
#include "pool/auth/service_accounts/service_account.h"
#include "pool/auth/testing/jwt_issuer.h"
#include "pool/auth/tokens/glob.h"
#include "pool/auth/tokens/strict_json.h"

namespace storagepool::auth {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

const AccessFile& trusted() {
  static const AccessFile file = [] {
    const testing::JwtIssuer issuer(testing::JwtIssuer::Kind::kEc, "k");
    const json::Json given = {{"issuer", "i"},
                              {"audiences", {"a"}},
                              {"keys", {{"keys", json::Json::array({issuer.jwk()})}}},
                              {"serviceAccounts", json::Json::array()}};
    return parse_access_file(given.dump()).value();
  }();
  return file;
}

void check_token(std::string_view text) {
  const auto token = parse_jwt(text);
  if (!token) return;
  const std::string spelled = token->signed_text + "." + testing::base64url(token->signature);
  require(spelled == text);
  require(token->signed_text.ends_with("." + testing::base64url(token->payload)));
  require(!genuine_claims(text, trusted()));
}

void check_file(std::string_view text) {
  const auto file = parse_access_file(text);
  if (!file) return;
  require(!file->parties.issuer.empty() && !file->parties.audiences.empty());
  require(file->keys.keys.size() <= kMaxJwks);
  for (const ServiceAccountRule& rule : file->rules) {
    require(!rule.access.figures && rule.access.known);
    static_cast<void>(matches_glob(rule.name, text));
  }
}

}  // namespace
}  // namespace storagepool::auth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::auth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_token(text);
  check_file(text);
  if (const auto json = parse_strict_json(text)) static_cast<void>(parse_jwk_set(*json));
  const std::size_t half = size / 2;
  static_cast<void>(matches_glob(text.substr(0, half), text.substr(half)));
  return 0;
}
