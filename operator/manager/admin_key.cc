#include "operator/manager/admin_key.h"

#include <array>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "operator/kube/kubeconfig.h"
#include "operator/render/admin_token.h"

namespace storagepool::manager {
namespace {

using kube::Json;
using render::kAdminKeyBytes;

std::string new_key() {
  std::array<unsigned char, kAdminKeyBytes> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1)
    throw std::runtime_error("no random numbers to make a key from");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string encode_base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

tl::expected<std::string, kube::ApiError> read_key(const Json& secret) {
  const Json::json_pointer path("/data/key");
  const Json encoded = secret.contains(path) ? secret[path] : Json();
  const auto key = encoded.is_string() ? kube::decode_base64(encoded.get<std::string>()) : std::string();
  if (key && key->size() >= kAdminKeyBytes) return *key;
  return tl::unexpected(
      kube::ApiError{.status = 422,
                     .reason = "Invalid",
                     .message = "Secret " + std::string(kAdminKeySecret) + " has no data key `key` of " +
                                std::to_string(kAdminKeyBytes) +
                                " bytes or more; delete it, and the operator makes a new one"});
}

}  // namespace

tl::expected<std::string, kube::ApiError> load_or_create_admin_key(const kube::Client& client,
                                                                   const std::string& name_space) {
  const kube::ObjectKey name{name_space, kAdminKeySecret};
  auto secret = client.get(kube::resources::kSecrets, name);
  if (!secret && secret.error().is_not_found()) {
    secret = client.create(kube::resources::kSecrets,
                           {{"metadata", {{"name", name.name}, {"namespace", name.name_space}}},
                            {"type", "Opaque"},
                            {"data", {{"key", encode_base64(new_key())}}}});
    if (!secret && secret.error().is_already_exists()) secret = client.get(kube::resources::kSecrets, name);
  }
  if (!secret) return tl::unexpected(std::move(secret.error()));
  return read_key(*secret);
}

}  // namespace storagepool::manager
