// Who signs the tokens of the cluster's service accounts, as the API server tells it (OpenID Connect
// Discovery 1.0; RFC 7517), and what the pods of a StoragePool are told of it: the file access.json in their
// ConfigMap (as the pods read it). What the API server says is bounded here. Pure: the same input gives
// the same bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "operator/render/storage_pool.h"

namespace storagepool::render {

inline constexpr std::string_view kAccessFile = "access.json";
inline constexpr std::size_t kMaxDiscoveryBytes = std::size_t{256} * 1024;  // of each of the two documents
inline constexpr std::size_t kMaxIssuerKeys = 32;
inline constexpr std::size_t kMaxAudiences = 16;

struct TokenIssuer {
  std::string issuer;
  std::vector<std::string> audiences;  // of tokens for the API server itself
  Json keys = Json::array();           // JWKs for RS256 and ES256, by their ids
  friend bool operator==(const TokenIssuer&, const TokenIssuer&) = default;
};

// `discovery` and `key_set` are the bodies of /.well-known/openid-configuration and /openid/v1/jwks;
// `own_token` is a token that the API server has issued for itself, or empty: its audiences are the
// cluster's, which are otherwise taken to be the issuer, Kubernetes' default. Keys that pods cannot use are
// left out; the error says what is amiss.
tl::expected<TokenIssuer, std::string> read_token_issuer(std::string_view discovery, std::string_view key_set,
                                                         std::string_view own_token);

// The audience of tokens for one StoragePool alone.
std::string audience_of(const Identity& pool);

// The text of access.json; `namespaces` are those that exist, where they matter (needs_namespaces).
std::string access_text(const Identity& pool, const Spec& spec, const TokenIssuer& issuer,
                        const std::optional<std::vector<std::string>>& namespaces);
// What a text of access.json was made from; nothing when it is none of ours.
std::optional<TokenIssuer> issuer_in(std::string_view access, const Identity& pool);

// Whether service accounts of other namespaces than the StoragePool's own, which exists while it has pods,
// are admitted.
bool needs_namespaces(const Identity& pool, const Spec& spec);

}  // namespace storagepool::render
