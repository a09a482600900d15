// A real PostgreSQL server for tests: its own data folder under a temporary one, its own port on loopback
// chosen by the kernel, run as the `postgres` user when the test is root. Stopped and removed by the
// destructor, also when a test fails. Throws std::runtime_error with the end of the server's log when it does
// not come up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pool/postgres/connection.h"

namespace storagepool::postgres::testing {

struct ServerOptions {
  std::vector<std::string> settings = {};  // e.g. "max_connections=20"; appended to postgresql.conf
  bool tls = false;                        // makes a CA and a server certificate for `localhost`
  bool require_password = false;           // scram-sha-256 instead of trust
  std::string encoding = "UTF8";           // of the databases that come with a cluster
};

class Server {
 public:
  explicit Server(const ServerOptions& options = {});
  // A hot standby that streams from `primary`, with its settings.
  static std::unique_ptr<Server> standby_of(const Server& primary);
  // Of the version that pg_upgrade is there for, with the data of `old`, which is stopped for it. Null: there
  // is none, or only that of an older version.
  static std::unique_ptr<Server> upgraded(Server& old);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  // Options to connect to `database` as the role "app" (password "app-secret"), which owns a database
  // "audit".
  ConnectOptions connect_options(const std::string& database = "audit") const;
  std::string ca_file() const;        // PEM, when `tls`
  std::string other_ca_file() const;  // a CA that did not sign the server's certificate, when `tls`

  void start();
  void stop();   // fast shutdown
  void kill();   // SIGKILL of the postmaster and its children
  void pause();  // SIGSTOP of the postmaster: connects hang
  void resume();
  // A standby takes writes from now on.
  void promote();
  // Stopped or killed, it starts as a hot standby of `primary` on the same port, from a copy of its data.
  void follow(const Server& primary);
  // Stops it, has pg_resetwal write these of its control file, and starts it. False: there is no pg_resetwal
  // of its version.
  bool reset_wal(const std::vector<std::string>& options);
  // Runs SQL as the superuser over a separate libpq connection; the first column of every row.
  std::vector<std::string> superuser(const std::string& sql, const std::string& database = "postgres") const;
  // Drops all that a database holds.
  void empty(const std::string& database) const;
  // Ends the sessions that pg_stat_activity shows for this condition, and waits until they have ended.
  void terminate(const std::string& condition) const;
  // Client backends of role "app", as pg_stat_activity has them now.
  int app_backends() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace storagepool::postgres::testing
