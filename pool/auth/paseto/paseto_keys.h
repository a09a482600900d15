// The public keys in a mounted folder or file: every file holds one or more, one per line (see
// parse_public_key). Names in a folder that begin with a dot, as the kubelet's, do not count. What cannot be
// used is reported by file and line, never by what it holds, and does not disturb the other keys.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pool/auth/paseto/paseto.h"

namespace storagepool::auth {

// Each key costs a token that none of them signed one more verification.
inline constexpr std::size_t kMaxPublicKeys = 16;

struct PublicKeys {
  std::vector<PublicKey> keys;  // in the order of the files' names
  std::vector<std::string> problems;
};
PublicKeys read_public_keys(const std::string& folder);
PublicKeys read_public_key_file(const std::string& path);

}  // namespace storagepool::auth
