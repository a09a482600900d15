// The superuser of a test server, over a blocking libpq connection of its own, private to this folder, past
// the guards of pool/tables/guards.h. Throws std::runtime_error with the server's words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <libpq-fe.h>

namespace storagepool::postgres::testing {

inline constexpr const char* kSuperuser = "postgres";

class Superuser {
 public:
  Superuser(const std::filesystem::path& socket_folder, std::uint16_t port, const std::string& database);

  int version() const { return PQserverVersion(connection_.get()); }
  // The first column of every row.
  std::vector<std::string> run(const std::string& sql);

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

}  // namespace storagepool::postgres::testing
