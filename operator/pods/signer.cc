#include "operator/pods/signer.h"

#include <array>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/pre_authentication.h"
#include "pool/common/encoding/sha256.h"

namespace storagepool::pods {
namespace {

constexpr std::string_view kHeader = "v4.public.";
constexpr std::string_view kPublicKeyHeader = "k4.public.";
constexpr std::size_t kPublicKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

Signer::Signer(std::string_view seed) {
  if (seed.size() != kSeedBytes) throw std::invalid_argument("a seed of Ed25519 has 32 bytes");
  key_.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
  if (!key_) throw std::runtime_error("Ed25519 is not available in this OpenSSL");
}

std::string Signer::public_key() const {
  std::string key(kPublicKeyBytes, '\0');
  std::size_t size = key.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(key.data()), &size) != 1) {
    throw std::runtime_error("no public key of an Ed25519 key");
  }
  return std::string(kPublicKeyHeader) + encoding::encode_base64url(key);
}

std::string Signer::sign(std::string_view message, std::string_view footer,
                         std::string_view implicit_assertion) const {
  const std::string to_sign =
      encoding::pre_authentication_encoding({kHeader, message, footer, implicit_assertion});
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(to_sign), to_sign.size()) != 1) {
    throw std::runtime_error("signing with Ed25519 failed");
  }
  std::string body(message);
  body.append(reinterpret_cast<const char*>(signature.data()), size);
  std::string token = std::string(kHeader) + encoding::encode_base64url(body);
  if (!footer.empty()) token += "." + encoding::encode_base64url(footer);
  return token;
}

std::string Signer::token(const SignedRequest& request, runtime::Timestamp now) const {
  const nlohmann::json claims{{"aud", request.pod_uid},
                              {"method", request.method},
                              {"path", request.path},
                              {"body", encoding::sha256_hex(request.body)},
                              {"iat", runtime::format_timestamp(now)},
                              {"nbf", runtime::format_timestamp(now)},
                              {"exp", runtime::format_timestamp(now + kTokenLife)}};
  return sign(claims.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

const std::string& RepeatedTokens::token(const Signer& signer, const SignedRequest& request,
                                         runtime::Timestamp now) {
  auto known = by_path_.find(request.path);
  if (known == by_path_.end()) known = by_path_.emplace(request.path, Signed()).first;
  Signed& last = known->second;
  const bool fresh = last.at <= now && now - last.at < kTokenReuse;  // a clock may be set back
  if (last.token.empty() || !fresh) last = {now, signer.token(request, now)};
  return last.token;
}

}  // namespace storagepool::pods
