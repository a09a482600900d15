// Why PostgreSQL said no, by cause, from allow-listed facts only: the SQLSTATE, host, port and database.
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
  kRetryable,            // 40001, 40P01
  kTimeout,              // our deadline, 57014 by statement_timeout, or 55P03
  kConstraint,           // 23*
  kData,                 // 22*
  kOther,
};

struct Error {
  ErrorClass error_class = ErrorClass::kOther;
  std::string sqlstate;    // five characters, empty when the server sent none
  std::string constraint;  // name of the violated constraint, empty otherwise
  std::string detail;      // one safe sentence, e.g. `connecting to db.example:5432/audit: refused the
                           // credentials (28P01)`
};

ErrorClass classify(const std::string& sqlstate);

}  // namespace storagepool::postgres
