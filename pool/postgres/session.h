// The libpq session behind `connect`, private to this folder.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/postgres/connect.h"
#include "pool/postgres/connection_handle.h"
#include "pool/postgres/pooler.h"
#include "pool/postgres/socket.h"
#include "pool/postgres/statement_cache.h"

namespace storagepool::postgres {

struct Arguments;

class LibpqSession final : public Session {
 public:
  // Takes over an established, non-blocking connection; `target` is its safe name, "host:port/database".
  LibpqSession(ConnectionHandle connection, Socket socket, std::string target, const ConnectOptions& options);

  // Sets the session up; to be awaited once before anything else.
  boost::asio::awaitable<std::optional<Error>> initialize(Deadline deadline);
  // Known after that: what is in between and has sessions of its own with the server, null for nothing.
  const std::shared_ptr<Pooler>& pooler() const { return pooler_; }

  boost::asio::awaitable<tl::expected<Result, Error>> query(std::string_view sql,
                                                            std::vector<Parameter> parameters,
                                                            Deadline deadline) override;
  boost::asio::awaitable<tl::expected<Result, Error>> query_once(std::string_view sql,
                                                                 std::vector<Parameter> parameters,
                                                                 Deadline deadline) override;
  boost::asio::awaitable<tl::expected<Rows, Error>> fetch(std::string_view sql,
                                                          std::vector<Parameter> parameters,
                                                          Deadline deadline, Fetch how) override;
  boost::asio::awaitable<tl::expected<Result, Error>> execute(std::string_view sql,
                                                              Deadline deadline) override;
  bool usable() const override { return !busy_ && intact(); }
  bool in_transaction() const override;
  void set_limits(std::chrono::milliseconds statement_timeout, std::chrono::milliseconds lock_timeout,
                  std::size_t statement_cache_size) override;
  void set_synchronous_commit(std::string level) override;
  bool alive() override;
  bool lost() const override;
  int descriptor() const override { return socket_.descriptor(); }
  int backend() const override { return backend_; }
  bool cut_off() const override { return !ended_ && socket_.aborted(); }
  boost::asio::awaitable<bool> close(Deadline deadline) override;

 private:
  struct Limits {
    std::chrono::milliseconds statement_timeout{-1};
    std::chrono::milliseconds lock_timeout{-1};
    std::string synchronous_commit;
    friend bool operator==(const Limits&, const Limits&) = default;
  };
  class Statement;
  // What was left for the next statement; nothing where `sql` is empty.
  struct Chores {
    std::string sql;
    std::optional<Limits> limits;  // that it sets
  };

  Chores chores(std::size_t room);
  boost::asio::awaitable<std::optional<Error>> housekeeping(Chores due);
  boost::asio::awaitable<tl::expected<std::string, Error>> prepare(const std::string& sql);
  boost::asio::awaitable<tl::expected<Result, Error>> query(std::string_view sql,
                                                            std::vector<Parameter> parameters,
                                                            Deadline deadline, Fetch how, Rows* into);
  // Unless `once`, prepared, and kept so if the cache keeps anything. The rows go `into` that, in binary
  // format, unless it is null.
  boost::asio::awaitable<tl::expected<Result, Error>> run(const std::string& sql, const Arguments& arguments,
                                                          Fetch how, Rows* into);
  boost::asio::awaitable<tl::expected<Result, Error>> simple(const std::string& sql);
  // What the server answers to the request just sent; `sent` is what libpq's send function returned.
  boost::asio::awaitable<tl::expected<Result, Error>> answer(int sent, Fetch how = {.row_by_row = true},
                                                             Rows* into = nullptr);
  Error shared();
  static void on_notice(void* session, const PGresult* notice);
  bool intact() const;
  // Whether the server has told, unasked, that `parameter` has this value.
  bool reports(const char* parameter, std::string_view value) const;
  void retire_after(const tl::expected<Result, Error>& result);
  Error error_of(const PGresult* result);
  Error broken(ErrorClass error_class, const char* what);
  Error interrupted();

  ConnectionHandle connection_;
  Socket socket_;
  std::string target_;
  std::shared_ptr<Pooler> pooler_;
  StatementCache cache_;
  std::vector<std::string> to_deallocate_;
  Limits wanted_;
  Limits applied_;
  int backend_ = 0;
  bool busy_ = false;    // stays set when a statement was abandoned half-way
  bool broken_ = false;  // or retired, see disposition.h
  bool ended_ = false;   // by the server, in so many words
  bool silent_ = false;  // a statement had no answer by its deadline
};

}  // namespace storagepool::postgres
