#include "pool/auth/service_accounts/jwt.h"

#include <utility>

#include "pool/auth/tokens/strict_json.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/http/message/fields.h"

namespace storagepool::auth {
namespace {

// A text that is not empty, "" when the header does not have it; else no value.
std::optional<std::string> text_in(const json::Json& header, const char* name) {
  if (!header.contains(name)) return std::string();
  std::string text = json::text_of(header[name]);
  if (text.empty()) return std::nullopt;
  return text;
}

bool read_header(std::string_view text, Jwt& token) {
  const auto header = parse_strict_json(text);
  if (!header || !header->is_object() || header->contains("crit")) return false;
  const auto algorithm = parse_jwt_algorithm(json::text_of(json::member(*header, "alg")));
  auto key_id = text_in(*header, "kid");
  const auto type = text_in(*header, "typ");
  if (!algorithm || !key_id || !type) return false;
  if (!type->empty() && !http::equals_ignoring_case(*type, "JWT")) return false;  // another kind of token
  token.algorithm = *algorithm;
  token.key_id = std::move(*key_id);
  return true;
}

}  // namespace

std::optional<JwtAlgorithm> parse_jwt_algorithm(std::string_view name) {
  if (name == "RS256") return JwtAlgorithm::kRs256;
  if (name == "ES256") return JwtAlgorithm::kEs256;
  return std::nullopt;
}

std::optional<Jwt> parse_jwt(std::string_view token) {
  if (token.size() > kMaxJwtBytes) return std::nullopt;
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == last || token.substr(first + 1, last - first - 1).find('.') != std::string_view::npos) {
    return std::nullopt;
  }
  const auto header = encoding::decode_base64url(token.substr(0, first));
  auto payload = encoding::decode_base64url(token.substr(first + 1, last - first - 1));
  auto signature = encoding::decode_base64url(token.substr(last + 1));
  Jwt parsed;
  if (!header || !payload || !signature || signature->empty() || !read_header(*header, parsed)) {
    return std::nullopt;
  }
  parsed.signed_text = token.substr(0, last);
  parsed.payload = std::move(*payload);
  parsed.signature = std::move(*signature);
  return parsed;
}

}  // namespace storagepool::auth
