// What a new session connects with, read from the mounted files each time, so that a rotated Secret or CA
// takes effect with the next connection and a repaired one needs no restart. No error ever holds the contents
// of a file.
#pragma once

#include <cstddef>
#include <string>

#include <tl/expected.hpp>

#include "pool/common/settings/config_file.h"
#include "pool/common/settings/settings.h"
#include "pool/postgres/connection.h"

namespace storagepool::service {

inline constexpr std::size_t kMaxCaBytes = std::size_t{1024} * 1024;

struct CredentialFiles {
  std::string
      credentials_dir;  // files "username" and "password"; one line ending at their end is not part of them
  std::string ca_file;  // PEM, read for verify-ca and verify-full only
};

// kCredentialsMissing when a credential is absent, empty, too long or not text; kTls when the CA is absent.
tl::expected<postgres::ConnectOptions, postgres::Error> read_connect_options(
    const CredentialFiles& files, const settings::PostgresTarget& target, const settings::Settings& settings);

}  // namespace storagepool::service
