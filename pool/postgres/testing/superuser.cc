#include "pool/postgres/testing/superuser.h"

#include <array>

#include "pool/postgres/testing/process.h"

namespace storagepool::postgres::testing {

Superuser::Superuser(const std::filesystem::path& socket_folder, std::uint16_t port,
                     const std::string& database)
    : connection_(nullptr, &PQfinish) {
  const std::string port_text = std::to_string(port);
  const std::array<const char*, 6> keys = {"host", "port", "dbname", "user", "options", nullptr};
  const std::array<const char*, 6> values = {socket_folder.c_str(),
                                             port_text.c_str(),
                                             database.c_str(),
                                             kSuperuser,
                                             "-c storagepool.maintenance=on",
                                             nullptr};
  connection_.reset(PQconnectdbParams(keys.data(), values.data(), 0));
  if (PQstatus(connection_.get()) != CONNECTION_OK) fail(PQerrorMessage(connection_.get()));
}

std::vector<std::string> Superuser::run(const std::string& sql) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection_.get(), sql.c_str()),
                                                             &PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(PQerrorMessage(connection_.get()));
  std::vector<std::string> column;
  for (int row = 0; row < PQntuples(result.get()); ++row)
    column.emplace_back(PQgetvalue(result.get(), row, 0));
  return column;
}

}  // namespace storagepool::postgres::testing
