#include "pool/service/config/credentials.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include "pool/common/runtime/files.h"

namespace storagepool::service {
namespace {

constexpr std::size_t kMaxCredentialBytes = 4096;

postgres::Error error(postgres::ErrorClass error_class, std::string detail) {
  postgres::Error result;
  result.error_class = error_class;
  result.detail = std::move(detail);
  return result;
}

tl::expected<std::string, postgres::Error> read_credential(const std::string& folder,
                                                           const std::string& key) {
  const auto missing = [&](const std::string& why) {
    return tl::unexpected(
        error(postgres::ErrorClass::kCredentialsMissing, "the credentials Secret: key " + key + " " + why));
  };
  auto text = runtime::read_file(folder + "/" + key, kMaxCredentialBytes);
  if (!text) return missing("cannot be read: " + text.error());
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  if (text->empty()) return missing("is empty");
  if (text->find_first_of(std::string_view("\0\n\r", 3)) != std::string::npos) {
    return missing("holds a line break or a NUL");
  }
  return std::move(*text);
}

postgres::SslMode to_postgres(settings::SslMode mode) {
  switch (mode) {
    case settings::SslMode::kDisable:
      return postgres::SslMode::kDisable;
    case settings::SslMode::kRequire:
      return postgres::SslMode::kRequire;
    case settings::SslMode::kVerifyCa:
      return postgres::SslMode::kVerifyCa;
    case settings::SslMode::kVerifyFull:
      return postgres::SslMode::kVerifyFull;
  }
  return postgres::SslMode::kVerifyFull;
}

}  // namespace

tl::expected<Access, postgres::Error> read_access(const CredentialFiles& files,
                                                  const settings::PostgresTarget& target) {
  auto user = read_credential(files.credentials_dir, "username");
  if (!user) return tl::unexpected(std::move(user.error()));
  auto password = read_credential(files.credentials_dir, "password");
  if (!password) return tl::unexpected(std::move(password.error()));
  Access access{
      .target = target, .user = std::move(*user), .password = std::move(*password), .ca = std::string()};
  const bool verify =
      target.ssl_mode == settings::SslMode::kVerifyCa || target.ssl_mode == settings::SslMode::kVerifyFull;
  if (verify) {
    auto ca = runtime::read_file(files.ca_file, kMaxCaBytes);
    if (!ca) return tl::unexpected(error(postgres::ErrorClass::kTls, "the CA cannot be read: " + ca.error()));
    access.ca = std::move(*ca);
    // An empty file verifies nothing, and is not to pass for none.
    if (access.ca.empty()) return tl::unexpected(error(postgres::ErrorClass::kTls, "the CA is empty"));
  }
  return access;
}

std::string CaFiles::path(const std::string& ca) {
  if (ca.empty()) return {};
  for (const File& known : files_) {
    if (known.ca == ca) return known.file->path();
  }
  files_.push_back({ca, std::make_unique<runtime::MemoryFile>(ca)});
  if (files_.size() > kKept) files_.pop_front();
  return files_.back().file->path();
}

postgres::ConnectOptions connect_options(const Access& access, const settings::Settings& settings,
                                         CaFiles& ca_files) {
  postgres::ConnectOptions options;
  options.host = access.target.host;
  options.port = access.target.port;
  options.database = access.target.database;
  options.ssl_mode = to_postgres(access.target.ssl_mode);
  options.user = access.user;
  options.password = access.password;
  options.ca_file = ca_files.path(access.ca);
  options.statement_timeout = settings.statement_timeout;
  options.lock_timeout = settings.lock_timeout;
  options.statement_cache_size = static_cast<std::size_t>(settings.statement_cache_size);
  return options;
}

}  // namespace storagepool::service
