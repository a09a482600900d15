#include "pool/common/tlog/tlog.h"

#include <bit>
#include <stdexcept>
#include <vector>

#include "pool/common/runtime/check.h"

namespace storagepool::tlog {
namespace {

constexpr std::string_view kLeaf{"\x00", 1};
constexpr std::string_view kNode{"\x01", 1};

std::string_view text_of(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

Hasher::Hasher() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  if (!algorithm_ || !context_ || EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available in this OpenSSL");
  }
}

Hash Hasher::digest(std::string_view prefix, std::string_view first, std::string_view second) {
  Hash hash;
  if (EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) != 1 ||
      EVP_DigestUpdate(context_.get(), prefix.data(), prefix.size()) != 1 ||
      EVP_DigestUpdate(context_.get(), first.data(), first.size()) != 1 ||
      EVP_DigestUpdate(context_.get(), second.data(), second.size()) != 1 ||
      EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 failed in this OpenSSL");
  }
  return hash;
}

Hash Hasher::leaf(std::string_view entry) {
  return digest(kLeaf, entry);
}

Hash Hasher::node(const Hash& left, const Hash& right) {
  return digest(kNode, text_of(left), text_of(right));
}

Hash Hasher::empty() {
  return digest({}, {});
}

Hash Hasher::subtree(std::span<const Hash> hashes) {
  STORAGEPOOL_INVARIANT(std::has_single_bit(hashes.size()), "not a full subtree", {"hashes", hashes.size()});
  std::vector<Hash> level(hashes.begin(), hashes.end());
  while (level.size() > 1) {
    for (std::size_t i = 0; i < level.size() / 2; ++i) level[i] = node(level[2 * i], level[2 * i + 1]);
    level.resize(level.size() / 2);
  }
  return level.front();
}

}  // namespace storagepool::tlog
