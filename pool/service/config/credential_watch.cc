#include "pool/service/config/credential_watch.h"

#include <utility>

#include "pool/common/runtime/files.h"

namespace storagepool::service {

CredentialWatch::CredentialWatch(CredentialFiles files, settings::SslMode mode)
    : files_(std::move(files)), mode_(mode), seen_(read()) {}

bool CredentialWatch::changed() {
  auto now = read();
  if (!now || now == seen_) return false;
  seen_ = std::move(now);
  return true;
}

std::optional<CredentialWatch::Contents> CredentialWatch::read() const {
  settings::PostgresTarget target;
  target.ssl_mode = mode_;
  const auto options = read_connect_options(files_, target, {});
  if (!options) return std::nullopt;
  Contents contents{options->user, options->password, ""};
  if (!options->ca_file.empty()) {
    auto ca = runtime::read_file(options->ca_file, kMaxCaBytes);
    if (!ca) return std::nullopt;
    contents.ca = std::move(*ca);
  }
  return contents;
}

}  // namespace storagepool::service
