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

tl::expected<postgres::ConnectOptions, postgres::Error> read_connect_options(
    const CredentialFiles& files, const settings::PostgresTarget& target,
    const settings::Settings& settings) {
  postgres::ConnectOptions options;
  options.host = target.host;
  options.port = target.port;
  options.database = target.database;
  options.ssl_mode = to_postgres(target.ssl_mode);
  options.statement_timeout = settings.statement_timeout;
  options.lock_timeout = settings.lock_timeout;
  options.statement_cache_size = static_cast<std::size_t>(settings.statement_cache_size);

  auto user = read_credential(files.credentials_dir, "username");
  if (!user) return tl::unexpected(std::move(user.error()));
  auto password = read_credential(files.credentials_dir, "password");
  if (!password) return tl::unexpected(std::move(password.error()));
  options.user = std::move(*user);
  options.password = std::move(*password);

  const bool verify =
      options.ssl_mode == postgres::SslMode::kVerifyCa || options.ssl_mode == postgres::SslMode::kVerifyFull;
  if (verify) {
    const auto ca = runtime::read_file(files.ca_file, kMaxCaBytes);
    if (!ca) return tl::unexpected(error(postgres::ErrorClass::kTls, "the CA cannot be read: " + ca.error()));
    options.ca_file = files.ca_file;
  }
  return options;
}

}  // namespace storagepool::service
