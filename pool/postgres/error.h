// Why PostgreSQL said no, by cause, from allow-listed facts only: the SQLSTATE, host, port and database. What
// is to be done about it: disposition.h.
// libpq's own text may echo the connection string and is never kept, logged or returned (invariant E8).
#pragma once

#include <cstdint>
#include <string>

namespace storagepool::postgres {

enum class ErrorClass {
  kConnectionLost,       // 08*, 57P01-57P03, EOF
  kUnreachable,          // DNS, TCP, or nothing heard by the deadline of a connect
  kTls,                  // handshake, certificate or CA file
  kServerFull,           // 53300, 53400
  kCredentialsMissing,   // no user name or password to present
  kCredentialsRejected,  // 28*
  kDatabaseMissing,      // 3D000
  kReadOnly,             // 25006, or found while connecting: a standby, default_transaction_read_only
  kTimeout,              // our deadline, 57014 by statement_timeout, or 55P03
  kOther,
};

struct Error {
  ErrorClass error_class = ErrorClass::kOther;
  std::string sqlstate = {};    // five characters, empty when the server sent none
  std::string constraint = {};  // name of the violated constraint, empty otherwise
  std::string detail = {};      // one safe sentence, e.g. `connecting to db.example:5432/audit: refused the
                                // credentials (28P01)`
  bool outside_statement = false;  // met while connecting or setting the session up, for no statement
  bool database_only = false;      // met while connecting: other databases of the server are not concerned
};

ErrorClass classify(const std::string& sqlstate);

}  // namespace storagepool::postgres
