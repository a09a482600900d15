#include "pool/evidence/digest.h"

#include <array>
#include <memory>
#include <stdexcept>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace storagepool::evidence {
namespace {

constexpr std::size_t kBlockBytes = 64;  // of SHA-256

std::string_view text_of(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string each_xor(std::string bytes, char with) {
  for (char& byte : bytes) byte = static_cast<char>(byte ^ with);
  return bytes;
}

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};

// OpenSSL's parameters are not const, though only read.
OSSL_PARAM octets(const char* name, std::string_view value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
}

char kSha256Name[] = "SHA256";

}  // namespace

Authenticator::Authenticator(std::string_view key) {
  std::string block(key);
  if (block.size() > kBlockBytes) {
    const Sha256 digest = encoding::sha256(key);
    block = text_of(digest);
  }
  block.resize(kBlockBytes);
  inner_.add(each_xor(block, 0x36));
  outer_.add(each_xor(block, 0x5c));
}

Sha256 Authenticator::mac(std::string_view first, std::string_view second) const {
  encoding::Digester inner = inner_;
  encoding::Digester outer = outer_;
  inner.add(first);
  inner.add(second);
  const Sha256 digest = inner.end();
  outer.add(text_of(digest));
  return outer.end();
}

std::string derive_key(std::string_view seed, std::string_view info) {
  constexpr std::size_t kKeyBytes = 32;
  const std::unique_ptr<EVP_KDF, Free<EVP_KDF_free>> algorithm(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, Free<EVP_KDF_CTX_free>> context(
      algorithm ? EVP_KDF_CTX_new(algorithm.get()) : nullptr);
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, kSha256Name, 0),
      octets(OSSL_KDF_PARAM_KEY, seed), octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  std::string key(kKeyBytes, '\0');
  if (!context || EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(key.data()), key.size(),
                                 parameters.data()) != 1) {
    throw std::runtime_error("HKDF-SHA256 is not available in this OpenSSL");
  }
  return key;
}

}  // namespace storagepool::evidence
