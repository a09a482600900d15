#include "pool/auth/paseto_verifier.h"

#include <stdexcept>
#include <utility>

#include <sodium.h>

namespace storagepool::auth {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kRecentTokens = 1024;

}  // namespace

std::optional<PasetoClaims> genuine_claims(std::string_view token, const std::vector<PublicKey>& keys) {
  const auto parsed = parse_paseto(token);
  if (!parsed) return std::nullopt;
  for (const PublicKey& key : keys) {
    if (verify(*parsed, key)) return read_claims(parsed->message);
  }
  return std::nullopt;
}

PasetoVerifier::PasetoVerifier(std::string folder, steady_clock::duration reread)
    : folder_(std::move(folder)), reread_(reread) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
}

const PublicKeys& PasetoVerifier::keys(steady_clock::time_point now) {
  if (read_at_ && now - *read_at_ < reread_) return keys_;
  PublicKeys read = read_public_keys(folder_);
  if (read.keys != keys_.keys) {
    recent_.clear();
    older_.clear();
  }
  keys_ = std::move(read);
  read_at_ = now;
  return keys_;
}

std::optional<PasetoClaims> PasetoVerifier::claims_of(std::string_view token,
                                                      const std::vector<PublicKey>& keys) {
  const TokenDigest digest = digest_of(token);
  if (const auto found = recent_.find(digest); found != recent_.end()) return found->second;
  std::optional<PasetoClaims> claims;
  if (const auto found = older_.find(digest); found != older_.end()) {
    claims = found->second;
  } else {
    claims = genuine_claims(token, keys);
  }
  if (!claims) return std::nullopt;
  if (recent_.size() == kRecentTokens) older_ = std::exchange(recent_, {});
  recent_.emplace(digest, *claims);
  return claims;
}

tl::expected<http::Access, Refusal> PasetoVerifier::admit(std::string_view token,
                                                          steady_clock::time_point now,
                                                          runtime::Timestamp wall) {
  const std::vector<PublicKey>& trusted = keys(now).keys;
  if (token.size() > kMaxPasetoBytes) return tl::unexpected(Refusal::kInvalidToken);
  auto claims = claims_of(token, trusted);
  if (claims && expired_at(*claims, wall)) return tl::unexpected(Refusal::kExpiredToken);
  if (!claims || !valid_at(*claims, wall)) return tl::unexpected(Refusal::kInvalidToken);
  return std::move(claims->access);
}

const std::vector<std::string>& PasetoVerifier::problems(steady_clock::time_point now) {
  return keys(now).problems;
}

}  // namespace storagepool::auth
