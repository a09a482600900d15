// Certificates for a test server, private to this folder.
#pragma once

#include <filesystem>

namespace storagepool::postgres::testing {

// Makes two CAs, `ca` and `other_ca`, and `server`, which the first has signed for the host `localhost`; each
// as .crt and .key. Throws std::runtime_error.
void make_certificates(const std::filesystem::path& folder, const std::filesystem::path& log);

}  // namespace storagepool::postgres::testing
