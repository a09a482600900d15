// PgBouncer in front of a test server, on a port of its own, run as the `postgres` user when the test is
// root. Stopped by the destructor, and by the kernel when the test dies. Throws std::runtime_error when it
// does not start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/postgres/connection.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::postgres::testing {

class PgBouncer {
 public:
  // `mode` is session, transaction or statement; `settings` are further lines of its configuration.
  PgBouncer(const Server& server, const std::string& mode, const std::vector<std::string>& settings = {});
  ~PgBouncer();
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;

  // To reach the server through it, in any database.
  ConnectOptions connect_options(const std::string& database = "audit") const;

 private:
  ConnectOptions options_;
  runtime::testing::TemporaryFolder folder_;
  int port_holder_ = -1;
  pid_t process_ = -1;
};

}  // namespace storagepool::postgres::testing
