#include "operator/manager/operator_key.h"

#include <array>
#include <stdexcept>

#include <openssl/rand.h>

#include "operator/pods/signer.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using kube::Json;

std::string new_key() {
  std::array<unsigned char, pods::kSeedBytes> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1)
    throw std::runtime_error("no random numbers to make a key from");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

tl::expected<std::string, kube::ApiError> key_of(const Json& secret, const std::string& name) {
  const auto key = encoding::decode_base64(json::text_at(secret, "/data/key"));
  if (key && key->size() == pods::kSeedBytes) return *key;
  return tl::unexpected(kube::ApiError{.status = 422,
                                       .reason = "Invalid",
                                       .message = "Secret " + name + " has no data key `key` of " +
                                                  std::to_string(pods::kSeedBytes) +
                                                  " bytes; delete it, and the operator makes a new one"});
}

}  // namespace

tl::expected<std::string, kube::ApiError> read_operator_key(const kube::Client& client,
                                                            const std::string& name_space) {
  auto secret = client.get(kube::resources::kSecrets, {name_space, kOperatorKeySecret});
  if (!secret) return tl::unexpected(std::move(secret.error()));
  return key_of(*secret, kOperatorKeySecret);
}

tl::expected<std::string, kube::ApiError> load_or_create_key(const kube::Client& client,
                                                             const std::string& name_space,
                                                             const std::string& secret_name) {
  const kube::ObjectKey name{name_space, secret_name};
  auto secret = client.get(kube::resources::kSecrets, name);
  if (!secret && secret.error().is_not_found()) {
    secret = client.create(kube::resources::kSecrets,
                           {{"metadata", {{"name", name.name}, {"namespace", name.name_space}}},
                            {"type", "Opaque"},
                            {"data", {{"key", encoding::encode_base64(new_key())}}}});
    if (!secret && secret.error().is_already_exists()) secret = client.get(kube::resources::kSecrets, name);
  }
  if (!secret) return tl::unexpected(std::move(secret.error()));
  return key_of(*secret, secret_name);
}

}  // namespace storagepool::manager
