#include "pool/auth/tokens/claims.h"

#include <algorithm>

namespace storagepool::auth {
namespace {

using json::Json;

bool is_text(const Json& value) {
  return value.is_string();
}

bool addressed_to(const Json& audience, const std::vector<std::string>& audiences) {
  const auto is_ours = [&](const Json& text) {
    return std::find(audiences.begin(), audiences.end(), text.get_ref<const std::string&>()) !=
           audiences.end();
  };
  if (audience.is_string()) return audiences.empty() || is_ours(audience);
  if (!audience.is_array() || !std::all_of(audience.begin(), audience.end(), is_text)) return false;
  return audiences.empty() || std::any_of(audience.begin(), audience.end(), is_ours);
}

}  // namespace

bool expired_at(const Claims& claims, runtime::Timestamp now) {
  return claims.expires <= now - kMaxClockSkew;
}

bool valid_at(const Claims& claims, runtime::Timestamp now) {
  const runtime::Timestamp latest = now + kMaxClockSkew;
  return !expired_at(claims, now) && (!claims.not_before || *claims.not_before <= latest) &&
         (!claims.issued || *claims.issued <= latest);
}

tl::expected<http::Access, Refusal> access_at(const Claims& claims, runtime::Timestamp now) {
  if (expired_at(claims, now)) return tl::unexpected(Refusal::kExpiredToken);
  if (!valid_at(claims, now)) return tl::unexpected(Refusal::kInvalidToken);
  return claims.access;
}

bool between(const Json& claims, const Parties& parties) {
  const Json& issuer = json::member(claims, "iss");
  const Json& audience = json::member(claims, "aud");
  const bool issued = claims.contains("iss")
                          ? issuer.is_string() && (parties.issuer.empty() || issuer == parties.issuer)
                          : parties.issuer.empty();
  const bool addressed =
      claims.contains("aud") ? addressed_to(audience, parties.audiences) : parties.audiences.empty();
  return issued && addressed;
}

}  // namespace storagepool::auth
