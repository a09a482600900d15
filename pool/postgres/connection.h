// One non-blocking libpq session for Asio coroutines. Not thread-safe: used from one executor at a time.
// Every call has a deadline. After an error that retires the session (disposition.h), after a timeout or a
// cancelled query, `usable()` is false and the connection must be closed, not reused (E7, E10). SQL with
// parameters goes through a least-recently-used cache of prepared statements, re-prepared under a new name
// after SQLSTATE 26000 and 0A000 where that can be done without being noticed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/postgres/error.h"
#include "pool/postgres/rows.h"

namespace storagepool::postgres {

using Deadline = std::chrono::steady_clock::time_point;

enum class SslMode { kDisable, kRequire, kVerifyCa, kVerifyFull };

// Where and as whom to connect. `password` never leaves this struct except into libpq.
struct ConnectOptions {
  std::string host;  // name or address; resolved with Asio, never by libpq
  std::uint16_t port = 5432;
  std::string database;
  std::string user;
  std::string password;
  SslMode ssl_mode = SslMode::kRequire;
  std::string ca_file;  // PEM; needed by kVerifyCa and kVerifyFull
  std::string application_name = "storagepool";
  std::chrono::milliseconds statement_timeout{0};  // 0: off; set on the session
  std::chrono::milliseconds lock_timeout{0};       // 0: off; set on the session
  std::size_t statement_cache_size = 200;
  std::string synchronous_commit;  // see Connection::set_synchronous_commit
};

// The value of a $1.. of a statement: text, which a string converts to; SQL NULL, which nullopt converts to;
// or a value in the binary format of its type, as the type's receive function reads it.
class Parameter {
 public:
  Parameter(std::nullopt_t = std::nullopt) {}
  Parameter(std::optional<std::string> text) : value_(std::move(text)) {}
  Parameter(std::string text) : value_(std::move(text)) {}
  Parameter(const char* text) : value_(text) {}
  static Parameter binary(std::string bytes) {
    Parameter parameter(std::move(bytes));
    parameter.is_binary_ = true;
    return parameter;
  }

  const std::optional<std::string>& value() const { return value_; }
  bool is_binary() const { return is_binary_; }

 private:
  std::optional<std::string> value_;
  bool is_binary_ = false;
};

// Values in text format; nullopt is SQL NULL.
struct Result {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::int64_t affected_rows = 0;
};

// How a statement is asked for its rows.
struct Fetch {
  bool once = false;        // it is planned as by `query_once`, not by `query`
  bool row_by_row = false;  // each row is held by itself, which costs more: for answers that are large
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Runs one statement with $1.. parameters, prepared and cached.
  virtual boost::asio::awaitable<tl::expected<Result, Error>> query(std::string_view sql,
                                                                    std::vector<Parameter> parameters,
                                                                    Deadline deadline) = 0;
  // The same without the cache: the statement is planned for these very values and forgotten. For plans that
  // depend on them, as of partitions and partial indexes, and for texts of which there are many.
  virtual boost::asio::awaitable<tl::expected<Result, Error>> query_once(std::string_view sql,
                                                                         std::vector<Parameter> parameters,
                                                                         Deadline deadline) = 0;
  // As these two, of a statement that bounds its answer itself, which comes in binary format.
  virtual boost::asio::awaitable<tl::expected<Rows, Error>> fetch(std::string_view sql,
                                                                  std::vector<Parameter> parameters,
                                                                  Deadline deadline, Fetch how) = 0;
  // Runs one or more statements without parameters by the simple protocol; the result is that of the last
  // one.
  virtual boost::asio::awaitable<tl::expected<Result, Error>> execute(std::string_view sql,
                                                                      Deadline deadline) = 0;

  virtual bool usable() const = 0;          // healthy as far as known without asking the server
  virtual bool in_transaction() const = 0;  // also true for a failed transaction
  // Live change of the session limits and the cache bound; takes effect before the next statement.
  virtual void set_limits(std::chrono::milliseconds statement_timeout, std::chrono::milliseconds lock_timeout,
                          std::size_t statement_cache_size) = 0;
  // The session's synchronous_commit, likewise live; never `off`, by which a commit that was answered may be
  // lost. Empty: as the server's configuration has it, at least `local`. That cannot be seen where a role or
  // a database has `off` instead, and is taken for `on` there, as PostgreSQL comes.
  virtual void set_synchronous_commit(std::string level) = 0;
};

}  // namespace storagepool::postgres
