// Signs JSON Web Tokens, as the API server of Kubernetes does for service accounts, for tests.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "pool/auth/testing/paseto_issuer.h"

namespace storagepool::auth::testing {

class JwtIssuer {
 public:
  enum class Kind { kRsa, kEc };

  // Each makes a key of its own; `bits` are those of RSA.
  explicit JwtIssuer(Kind kind, std::string key_id, unsigned bits = 2048)
      : kind_(kind), key_id_(std::move(key_id)) {
    EVP_PKEY* made = kind == Kind::kRsa ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
    if (made == nullptr) throw std::runtime_error("no key");
    key_.reset(made, EVP_PKEY_free);
  }

  // The public key. Members of `more` are added, and replace those of the same name.
  nlohmann::json jwk(const nlohmann::json& more = nlohmann::json::object()) const {
    nlohmann::json jwk = {{"kid", key_id_}, {"use", "sig"}};
    if (kind_ == Kind::kRsa) {
      jwk.update({{"kty", "RSA"},
                  {"alg", "RS256"},
                  {"n", number(OSSL_PKEY_PARAM_RSA_N)},
                  {"e", number(OSSL_PKEY_PARAM_RSA_E)}});
    } else {
      jwk.update({{"kty", "EC"},
                  {"alg", "ES256"},
                  {"crv", "P-256"},
                  {"x", number(OSSL_PKEY_PARAM_EC_PUB_X, kHalf)},
                  {"y", number(OSSL_PKEY_PARAM_EC_PUB_Y, kHalf)}});
    }
    jwk.update(more);
    return jwk;
  }

  nlohmann::json header() const {
    return {{"alg", kind_ == Kind::kRsa ? "RS256" : "ES256"}, {"kid", key_id_}};
  }
  std::string token(const nlohmann::json& claims) const { return token(header(), claims.dump()); }
  std::string token(const nlohmann::json& header, const std::string& payload) const {
    const std::string text = base64url(header.dump()) + "." + base64url(payload);
    return text + "." + base64url(sign(text));
  }

  // What somebody makes who takes the public key for a secret that both sides know (RFC 8725, section 2.1).
  std::string hmac_token(nlohmann::json header, const std::string& payload) const {
    header["alg"] = "HS256";
    const std::string text = base64url(header.dump()) + "." + base64url(payload);
    const std::string secret = public_pem();
    std::string code(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(code.data()), &size);
    code.resize(size);
    return text + "." + base64url(code);
  }

 private:
  static constexpr int kHalf = 32;

  std::string number(const char* parameter, int size = 0) const {
    BIGNUM* read = nullptr;
    if (EVP_PKEY_get_bn_param(key_.get(), parameter, &read) != 1) throw std::runtime_error("no parameter");
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(read, BN_free);
    return base64url(bytes_of(number.get(), size == 0 ? BN_num_bytes(number.get()) : size));
  }
  static std::string bytes_of(const BIGNUM* number, int size) {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), size);
    return bytes;
  }
  std::string public_pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(memory.get(), key_.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  std::string sign(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    std::string signature;
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
        EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1) {
      signature.resize(size);
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                     text.size());
      signature.resize(size);
    }
    if (kind_ == Kind::kRsa) return signature;
    const auto* der = reinterpret_cast<const unsigned char*>(signature.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> both(
        d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(signature.size())), ECDSA_SIG_free);
    return bytes_of(ECDSA_SIG_get0_r(both.get()), kHalf) + bytes_of(ECDSA_SIG_get0_s(both.get()), kHalf);
  }

  Kind kind_;
  std::string key_id_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace storagepool::auth::testing
