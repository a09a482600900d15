// Notices that the mounted credentials or CA have changed, so that sessions made with the old ones can be
// replaced. Files that cannot be read, as while a Secret is being replaced, are no change: sessions stay with
// what they have until there is something else to connect with.
#pragma once

#include <optional>
#include <string>

#include "pool/service/config/credentials.h"

namespace storagepool::service {

class CredentialWatch {
 public:
  // What the files hold now is where changes begin; `mode` says whether the CA is one of them.
  CredentialWatch(CredentialFiles files, settings::SslMode mode);

  // True when they hold something else than when this was last called.
  bool changed();

 private:
  struct Contents {
    std::string user;
    std::string password;
    std::string ca;
    friend bool operator==(const Contents&, const Contents&) = default;
  };
  std::optional<Contents> read() const;

  CredentialFiles files_;
  settings::SslMode mode_;
  std::optional<Contents> seen_;
};

}  // namespace storagepool::service
