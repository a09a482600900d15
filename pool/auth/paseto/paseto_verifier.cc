#include "pool/auth/paseto/paseto_verifier.h"

#include <stdexcept>
#include <utility>

#include <sodium.h>

namespace storagepool::auth {

using std::chrono::steady_clock;

std::optional<Claims> genuine_claims(std::string_view token, const std::vector<PublicKey>& keys,
                                     const Parties& parties) {
  const auto parsed = parse_paseto(token);
  if (!parsed) return std::nullopt;
  for (const PublicKey& key : keys) {
    if (verify(*parsed, key)) return read_claims(parsed->message, parties);
  }
  return std::nullopt;
}

PasetoVerifier::PasetoVerifier(const std::string& folder, Parties parties, steady_clock::duration reread)
    : parties_(std::move(parties)),
      keys_(
          [this, folder](PublicKeys& keys) {
            PublicKeys read = read_public_keys(folder);
            if (read.keys != keys.keys) verified_.forget_all();
            keys = std::move(read);
          },
          reread) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
}

tl::expected<http::Access, Refusal> PasetoVerifier::admit(std::string_view token,
                                                          steady_clock::time_point now,
                                                          runtime::Timestamp wall) {
  const std::vector<PublicKey>& trusted = keys_.at(now).keys;
  if (token.size() > kMaxPasetoBytes) return tl::unexpected(Refusal::kInvalidToken);
  const TokenDigest digest = digest_of(token);
  if (const Claims* known = verified_.find(digest)) return access_at(*known, wall);
  const auto claims = genuine_claims(token, trusted, parties_);
  if (!claims) return tl::unexpected(Refusal::kInvalidToken);
  verified_.remember(digest, *claims);
  return access_at(*claims, wall);
}

const std::vector<std::string>& PasetoVerifier::problems(steady_clock::time_point now) {
  return keys_.at(now).problems;
}

}  // namespace storagepool::auth
