#include "pool/common/encoding/sha256.h"

#include <stdexcept>

#include "pool/common/encoding/encoding.h"

namespace storagepool::encoding {
namespace {

void require(bool done) {
  if (!done) throw std::runtime_error("SHA-256 is not available in this OpenSSL");
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  unsigned int size = 0;
  require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1 &&
          size == digest.size());
  return digest;
}

std::string sha256_hex(std::string_view bytes) {
  return encode_hex(sha256(bytes));
}

Digester::Digester() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  require(algorithm_ && context_ && EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1);
}

Sha256 Digester::sha256(std::string_view first, std::string_view second, std::string_view third) {
  begin();
  add(first);
  add(second);
  add(third);
  return end();
}

void Digester::begin() {
  require(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1);
}

void Digester::add(std::string_view part) {
  require(EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1);
}

Sha256 Digester::end() {
  Sha256 digest;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace storagepool::encoding
