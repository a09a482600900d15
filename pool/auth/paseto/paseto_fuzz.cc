// libFuzzer target: everything of authentication that reads text from outside. Besides not crashing, a token
// that is taken apart must be spelled in the one way its parts are spelled, claims that were read must
// expire, and no file of tokens may hold more tokens than lines.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pool/auth/paseto/paseto.h"
#include "pool/auth/paseto/paseto_claims.h"
#include "pool/auth/testing/paseto_issuer.h"
#include "pool/auth/tokens/bearer.h"
#include "pool/auth/tokens/token_file.h"

namespace storagepool::auth {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_claims(std::string_view text) {
  const auto claims = read_claims(text);
  if (claims) require(claims->access.known && !claims->access.figures);
  if (claims) require(!valid_at(*claims, claims->expires + kMaxClockSkew));
}

void check_token(std::string_view text, const PublicKey& key) {
  const auto token = parse_paseto(text);
  if (!token) return;
  std::string body = token->message;
  body.append(token->signature.begin(), token->signature.end());
  std::string spelled = "v4.public." + testing::base64url(body);
  if (!token->footer.empty()) spelled += "." + testing::base64url(token->footer);
  require(spelled == text);
  static_cast<void>(verify(*token, key));
  check_claims(token->message);
}

void check_header(std::string_view text) {
  http::Request request;
  request.headers.emplace_back("Authorization", text);
  const auto token = bearer_token(request);
  if (token) require(!token->empty() && text.ends_with(*token));
}

}  // namespace
}  // namespace storagepool::auth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::auth;
  static const PublicKey key =
      parse_public_key("1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2").value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_token(text, key);
  check_claims(text);
  check_header(text);
  static_cast<void>(parse_public_key(text));
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  require(parse_tokens(text).tokens.size() <= lines);
  for (const Token& token : parse_named_tokens(text).tokens) require(!token.access.subject.empty());
  return 0;
}
