// What sessions are made with, as the mounted files have it: where, as whom, and whom to trust. No error ever
// holds the contents of a file.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "pool/common/runtime/memory_file.h"
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

// `password` never leaves this struct except into ConnectOptions.
struct Access {
  settings::PostgresTarget target;
  std::string user;
  std::string password;
  std::string ca;  // PEM; empty where sslMode does not verify
  friend bool operator==(const Access&, const Access&) = default;
};

// kCredentialsMissing when a credential is absent, empty, too long or not text; kTls when the CA is absent.
tl::expected<Access, postgres::Error> read_access(const CredentialFiles& files,
                                                  const settings::PostgresTarget& target);

// Files with the CAs of the latest accesses: what is in force must not change under it when another is
// mounted.
class CaFiles {
 public:
  std::string path(const std::string& ca);  // empty for none

 private:
  static constexpr std::size_t kKept = 4;  // more than connects under way can differ in
  struct File {
    std::string ca;
    std::unique_ptr<runtime::MemoryFile> file;
  };
  std::deque<File> files_;
};

postgres::ConnectOptions connect_options(const Access& access, const settings::Settings& settings,
                                         CaFiles& ca_files);

}  // namespace storagepool::service
