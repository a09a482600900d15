// The bearer token of a StoragePool's administration port: derived, so that the operator never has to read
// back the Secret that carries it to the pods.
#pragma once

#include <string>
#include <string_view>

namespace storagepool::render {

inline constexpr std::size_t kAdminKeyBytes = 32;

// Hex HMAC-SHA256 (RFC 2104) of "storagepool.dev/admin-token/<uid>" under `key`.
std::string admin_token(std::string_view key, std::string_view uid);

}  // namespace storagepool::render
