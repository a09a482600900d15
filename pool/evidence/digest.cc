#include "pool/evidence/digest.h"

#include <array>
#include <stdexcept>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace storagepool::evidence {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// OpenSSL's parameters are not const, though only read.
OSSL_PARAM octets(const char* name, std::string_view value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
}

void require(bool done) {
  if (!done) throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL");
}

char kSha256Name[] = "SHA256";

}  // namespace

Authenticator::Authenticator(std::string_view key) {
  const std::unique_ptr<EVP_MAC, detail::Free<EVP_MAC_free>> algorithm(
      EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  require(algorithm != nullptr);
  context_.reset(EVP_MAC_CTX_new(algorithm.get()));
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, kSha256Name, 0), OSSL_PARAM_construct_end()};
  require(context_ && EVP_MAC_init(context_.get(), bytes_of(key), key.size(), parameters.data()) == 1);
}

Sha256 Authenticator::mac(std::string_view first, std::string_view second) {
  Sha256 mac;
  std::size_t size = 0;
  require(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
          EVP_MAC_update(context_.get(), bytes_of(first), first.size()) == 1 &&
          EVP_MAC_update(context_.get(), bytes_of(second), second.size()) == 1 &&
          EVP_MAC_final(context_.get(), mac.data(), &size, mac.size()) == 1 && size == mac.size());
  return mac;
}

std::string derive_key(std::string_view seed, std::string_view info) {
  constexpr std::size_t kKeyBytes = 32;
  const std::unique_ptr<EVP_KDF, detail::Free<EVP_KDF_free>> algorithm(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  require(algorithm != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, detail::Free<EVP_KDF_CTX_free>> context(
      EVP_KDF_CTX_new(algorithm.get()));
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, kSha256Name, 0),
      octets(OSSL_KDF_PARAM_KEY, seed), octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  std::string key(kKeyBytes, '\0');
  require(context && EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(key.data()), key.size(),
                                    parameters.data()) == 1);
  return key;
}

}  // namespace storagepool::evidence
