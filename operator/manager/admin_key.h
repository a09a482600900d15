// The key from which the tokens of all administration ports are derived: 32 random bytes in the Secret
// `storagepool-operator-key` of the operator's namespace, made at the first start and the only Secret ever
// read.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "operator/kube/kube.h"

namespace storagepool::manager {

inline constexpr const char* kAdminKeySecret = "storagepool-operator-key";

// Reads the key, or makes it. The error may pass (transport) or not (a Secret without a usable key names what
// to do).
tl::expected<std::string, kube::ApiError> load_or_create_admin_key(const kube::Client& client,
                                                                   const std::string& name_space);

}  // namespace storagepool::manager
