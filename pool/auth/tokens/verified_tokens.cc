#include "pool/auth/tokens/verified_tokens.h"

#include <utility>

namespace storagepool::auth {
namespace {

constexpr std::size_t kRecentTokens = 1024;

}  // namespace

const Claims* VerifiedTokens::find(const TokenDigest& token) {
  if (const auto found = recent_.find(token); found != recent_.end()) return &found->second;
  const auto found = older_.find(token);
  if (found == older_.end()) return nullptr;
  Claims claims = std::move(found->second);
  older_.erase(found);
  remember(token, std::move(claims));
  return &recent_.at(token);
}

void VerifiedTokens::remember(const TokenDigest& token, Claims claims) {
  if (recent_.size() == kRecentTokens) older_ = std::exchange(recent_, {});
  recent_.insert_or_assign(token, std::move(claims));
}

void VerifiedTokens::forget_all() {
  recent_.clear();
  older_.clear();
}

}  // namespace storagepool::auth
