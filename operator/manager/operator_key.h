// The key with which requests to pods are signed (operator/pods/signer.h): a seed of Ed25519, 32 random bytes
// in the Secret `storagepool-operator-key` of the operator's namespace, made at the first start and the only
// Secret ever read beside that of the witness's key.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "operator/kube/kube.h"

namespace storagepool::manager {

inline constexpr const char* kOperatorKeySecret = "storagepool-operator-key";
// Likewise the key with which checkpoints of logs are cosigned (operator/witness).
inline constexpr const char* kWitnessKeySecret = "storagepool-witness-key";

tl::expected<std::string, kube::ApiError> read_operator_key(const kube::Client& client,
                                                            const std::string& name_space);

// Reads the key, or makes it. The error may pass (transport) or not (a Secret without a usable key names what
// to do).
tl::expected<std::string, kube::ApiError> load_or_create_key(const kube::Client& client,
                                                             const std::string& name_space,
                                                             const std::string& secret);

}  // namespace storagepool::manager
