#include "pool/common/encoding/sha256.h"

#include "pool/common/encoding/encoding.h"

// OpenSSL 3 would rather have EVP used, see sha256.h. None of them fails.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace storagepool::encoding {

Sha256 sha256(std::string_view bytes) {
  return Digester().sha256(bytes);
}

std::string sha256_hex(std::string_view bytes) {
  return encode_hex(sha256(bytes));
}

Sha256 Digester::sha256(std::string_view first, std::string_view second, std::string_view third) {
  begin();
  add(first);
  if (!second.empty()) add(second);
  if (!third.empty()) add(third);
  return end();
}

void Digester::begin() {
  SHA256_Init(&state_);
}

void Digester::add(std::string_view part) {
  SHA256_Update(&state_, part.data(), part.size());
}

Sha256 Digester::end() {
  Sha256 digest;
  SHA256_Final(digest.data(), &state_);
  return digest;
}

}  // namespace storagepool::encoding

#pragma GCC diagnostic pop
