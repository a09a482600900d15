#include "operator/render/token_issuer.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "pool/common/encoding/encoding.h"
#include "pool/common/json/json.h"

namespace storagepool::render {
namespace {

using json::member;
using json::text_of;

constexpr std::size_t kMaxTextBytes = 2048;  // n of an RSA key of 8192 bits has 1366

std::optional<std::string> bounded_text(const Json& object, const char* key) {
  std::string text = text_of(member(object, key));
  if (text.empty() || text.size() > kMaxTextBytes) return std::nullopt;
  return text;
}

// Absent, or this.
bool is_or_absent(const Json& object, const char* key, std::string_view wanted) {
  const Json& value = member(object, key);
  return value.is_null() || value == wanted;
}

// What of a JWK is for pods; nothing when they cannot verify with it.
std::optional<Json> usable_key(const Json& given) {
  const bool rsa = member(given, "kty") == "RSA";
  const std::string algorithm = rsa ? "RS256" : "ES256";
  if (!rsa && (member(given, "kty") != "EC" || member(given, "crv") != "P-256")) return std::nullopt;
  if (!is_or_absent(given, "use", "sig") || !is_or_absent(given, "alg", algorithm)) return std::nullopt;
  Json key{{"kty", rsa ? "RSA" : "EC"}, {"alg", algorithm}, {"use", "sig"}};
  if (!rsa) key["crv"] = "P-256";
  const std::array<const char*, 3> names = rsa ? std::array{"kid", "n", "e"} : std::array{"kid", "x", "y"};
  for (const char* name : names) {
    auto text = bounded_text(given, name);
    if (!text) return std::nullopt;
    key[name] = std::move(*text);
  }
  return key;
}

Json usable_keys(const Json& given) {
  std::map<std::string, Json> by_id;
  if (given.is_array()) {
    for (const Json& one : given) {
      if (by_id.size() == kMaxIssuerKeys) break;
      if (auto key = usable_key(one)) by_id.try_emplace(text_of((*key)["kid"]), std::move(*key));
    }
  }
  Json keys = Json::array();
  for (auto& [id, key] : by_id) keys.push_back(std::move(key));
  return keys;
}

std::vector<std::string> bounded_texts(const Json& list) {
  std::vector<std::string> texts;
  if (!list.is_array()) return texts;
  for (const Json& one : list) {
    std::string text = text_of(one);
    if (text.empty() || text.size() > kMaxTextBytes || texts.size() == kMaxAudiences) continue;
    texts.push_back(std::move(text));
  }
  return texts;
}

// `aud` of a JWT (RFC 7519, section 4.1.3), which the API server itself has given us.
std::vector<std::string> audiences_in(std::string_view token) {
  const std::size_t begin = std::min(token.find('.'), token.size());
  const std::string_view rest = token.substr(std::min(begin + 1, token.size()));
  const auto payload = encoding::decode_base64url(rest.substr(0, rest.find('.')));
  if (!payload) return {};
  const Json claims = Json::parse(*payload, nullptr, /*allow_exceptions=*/false);
  const Json& audience = member(claims, "aud");
  return bounded_texts(audience.is_string() ? Json::array({audience}) : audience);
}

Json parse(std::string_view text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

tl::expected<TokenIssuer, std::string> read_token_issuer(std::string_view discovery, std::string_view key_set,
                                                         std::string_view own_token) {
  if (std::max(discovery.size(), key_set.size()) > kMaxDiscoveryBytes) {
    return tl::unexpected("a document is larger than " + std::to_string(kMaxDiscoveryBytes) + " bytes");
  }
  const auto issuer = bounded_text(parse(discovery), "issuer");
  if (!issuer) return tl::unexpected(std::string("the discovery document names no issuer"));
  TokenIssuer read{.issuer = *issuer,
                   .audiences = audiences_in(own_token),
                   .keys = usable_keys(member(parse(key_set), "keys"))};
  if (read.keys.empty()) {
    return tl::unexpected(std::string("the key set has no RSA or P-256 key for signatures"));
  }
  if (read.audiences.empty()) read.audiences.push_back(read.issuer);
  return read;
}

std::string audience_of(const Identity& pool) {
  return "storagepool.dev/" + pool.name_space + "/" + pool.name;
}

std::string access_text(const Identity& pool, const Spec& spec, const TokenIssuer& issuer,
                        const std::optional<std::vector<std::string>>& namespaces) {
  std::vector<std::string> audiences = issuer.audiences;
  audiences.push_back(audience_of(pool));
  Json rules = Json::array();
  for (const ServiceAccounts& given : spec.service_accounts) {
    Json rule{{"namespace", given.name_space}, {"name", given.name}, {"scopes", given.scopes}};
    if (given.workspaces) rule["workspaces"] = *given.workspaces;
    rules.push_back(std::move(rule));
  }
  Json file{{"issuer", issuer.issuer},
            {"audiences", std::move(audiences)},
            {"keys", {{"keys", issuer.keys}}},
            {"serviceAccounts", std::move(rules)}};
  if (namespaces) file["namespaces"] = *namespaces;
  return file.dump(1) + "\n";
}

std::optional<TokenIssuer> issuer_in(std::string_view access, const Identity& pool) {
  const Json file = parse(access);
  const auto issuer = bounded_text(file, "issuer");
  if (!issuer) return std::nullopt;
  TokenIssuer read{.issuer = *issuer,
                   .audiences = bounded_texts(member(file, "audiences")),
                   .keys = usable_keys(json::at(file, "/keys/keys"))};
  std::erase(read.audiences, audience_of(pool));
  if (read.keys.empty() || read.audiences.empty()) return std::nullopt;
  return read;
}

bool needs_namespaces(const Identity& pool, const Spec& spec) {
  return std::any_of(spec.service_accounts.begin(), spec.service_accounts.end(),
                     [&](const ServiceAccounts& given) { return given.name_space != pool.name_space; });
}

}  // namespace storagepool::render
