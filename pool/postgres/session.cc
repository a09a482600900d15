#include "pool/postgres/session.h"

#include <algorithm>
#include <cstring>

#include <boost/asio/this_coro.hpp>

#include "pool/postgres/arguments.h"
#include "pool/postgres/diagnosis.h"
#include "pool/postgres/disposition.h"
#include "pool/postgres/result.h"

namespace storagepool::postgres {
namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxResultBytes = std::size_t{64} * 1024 * 1024;
// How often a server that runs a statement looks whether its client is still there.
constexpr std::string_view kCheckClient = "SET client_connection_check_interval = 500; ";

// What a result looks like as text must not depend on the server's settings. The server, too, notices a peer
// that vanishes within half a minute, and with it lets its connection go. A statement that PostgreSQL takes
// for a dear one costs more to compile (jit) than any here takes. Not given as startup `options`, which
// poolers refuse or ignore.
constexpr std::string_view kSetUp =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET jit = off; SET tcp_keepalives_idle = 15; "
    "SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 30000; ";

// Where the session would have `off`: the least that is durable if that is the server's own configuration,
// else PostgreSQL's default.
constexpr const char* kPinCommit =
    "; RESET synchronous_commit; SELECT set_config('synchronous_commit', (SELECT CASE WHEN source IN "
    "('global', "
    "'database', 'user', 'database user') THEN 'on' ELSE 'local' END FROM pg_settings WHERE name = "
    "'synchronous_commit'), false) WHERE current_setting('synchronous_commit') = 'off'";

}  // namespace

// From before the first byte of a statement to after the last of its answer. When the coroutine is destroyed
// in between, the session stays busy and with that unusable.
class LibpqSession::Statement {
 public:
  Statement(LibpqSession& session, const asio::any_io_executor& serial, Deadline deadline)
      : session_(session), socket_(session.socket_) {
    session_.busy_ = true;
    socket_.arm(serial, deadline);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { socket_.disarm(); }
  void end() { session_.busy_ = false; }

 private:
  LibpqSession& session_;
  Socket socket_;  // shared state: the session may be gone before this is
};

LibpqSession::LibpqSession(ConnectionHandle connection, Socket socket, std::string target,
                           const ConnectOptions& options)
    : connection_(std::move(connection)),
      socket_(std::move(socket)),
      target_(std::move(target)),
      pooler_(pooler_of(options)),
      cache_(options.statement_cache_size),
      wanted_{options.statement_timeout, options.lock_timeout, options.synchronous_commit} {
  PQsetNoticeReceiver(connection_.get(), &LibpqSession::on_notice, this);
}

asio::awaitable<std::optional<Error>> LibpqSession::initialize(Deadline deadline) {
  // Another encoding has no place for much of what events hold, which would show event by event.
  if (!reports("server_encoding", "UTF8"))
    co_return Error{.error_class = ErrorClass::kOther, .sqlstate = std::string(kUntranslatable)};
  const std::string set_up = std::string(kSetUp).append(kTakeSession);
  std::string with_check = set_up;
  if (PQserverVersion(connection_.get()) >= kChecksClient) with_check.insert(0, kCheckClient);
  auto result = co_await execute(with_check, deadline);
  if (!result && result.error().sqlstate == "22023" && !result.error().outside_statement) {
    // The server's operating system cannot look; sessions then end as they do before PostgreSQL 14.
    result = co_await execute(set_up, deadline);
  }
  if (!result) co_return result.error();
  const Taken taken = read_taken(*result);
  if (taken.before) co_return shared();
  if (taken.backend == PQbackendPID(connection_.get())) {
    pooler_.reset();
    backend_ = taken.backend;
  } else {
    const auto kept = co_await execute(kIsTaken, deadline);
    if (!kept) co_return kept.error();
    if (kept->rows.at(0).at(0) != "t") co_return shared();
  }
  if (taken.standby || taken.read_only) {
    // The default may be the database's own.
    co_return Error{
        .error_class = ErrorClass::kReadOnly, .sqlstate = "25006", .database_only = !taken.standby};
  }
  co_return std::nullopt;
}

bool LibpqSession::reports(const char* parameter, std::string_view value) const {
  const char* const status = PQparameterStatus(connection_.get(), parameter);
  return status != nullptr && status == value;
}

asio::awaitable<tl::expected<Result, Error>> LibpqSession::query(std::string_view sql,
                                                                 std::vector<Parameter> parameters,
                                                                 Deadline deadline) {
  return query(sql, std::move(parameters), deadline, {.row_by_row = true}, nullptr);
}

asio::awaitable<tl::expected<Result, Error>> LibpqSession::query_once(std::string_view sql,
                                                                      std::vector<Parameter> parameters,
                                                                      Deadline deadline) {
  return query(sql, std::move(parameters), deadline, {.once = true, .row_by_row = true}, nullptr);
}

asio::awaitable<tl::expected<Rows, Error>> LibpqSession::fetch(std::string_view sql,
                                                               std::vector<Parameter> parameters,
                                                               Deadline deadline, Fetch how) {
  Rows rows;
  const auto done = co_await query(sql, std::move(parameters), deadline, how, &rows);
  if (!done) co_return tl::unexpected(done.error());
  co_return std::move(rows);
}

asio::awaitable<tl::expected<Result, Error>> LibpqSession::query(std::string_view sql,
                                                                 std::vector<Parameter> parameters,
                                                                 Deadline deadline, Fetch how, Rows* into) {
  if (!usable()) co_return tl::unexpected(broken(ErrorClass::kConnectionLost, "the session is not usable"));
  Arguments arguments;
  for (const auto& parameter : parameters) {
    auto refused = arguments.add(parameter);
    if (refused) co_return tl::unexpected(std::move(*refused));
  }
  const std::string text(sql);
  Statement statement(*this, co_await asio::this_coro::executor, deadline);
  auto result = co_await run(text, arguments, how, into);
  statement.end();
  retire_after(result);
  co_return result;
}

asio::awaitable<tl::expected<Result, Error>> LibpqSession::execute(std::string_view sql, Deadline deadline) {
  if (!usable()) co_return tl::unexpected(broken(ErrorClass::kConnectionLost, "the session is not usable"));
  const std::string text(sql);
  Statement statement(*this, co_await asio::this_coro::executor, deadline);
  Chores due = chores(0);
  if (!due.sql.empty()) {
    auto trouble = co_await housekeeping(std::move(due));
    if (trouble) {
      statement.end();
      co_return tl::unexpected(*trouble);
    }
  }
  auto result = co_await simple(text);
  statement.end();
  retire_after(result);
  co_return result;
}

void LibpqSession::retire_after(const tl::expected<Result, Error>& result) {
  if (!result && disposition_of(result.error()).retire) broken_ = true;
}

asio::awaitable<tl::expected<Result, Error>> LibpqSession::run(const std::string& sql,
                                                               const Arguments& arguments, Fetch how,
                                                               Rows* into) {
  const int format = into == nullptr ? Arguments::kText : Arguments::kBinary;
  for (bool again = true;;) {
    const bool cached = !how.once && cache_.capacity() > 0;
    auto name = cached ? cache_.find(sql) : std::nullopt;
    Chores due = chores(cached && !name ? 1 : 0);
    if (!due.sql.empty()) {
      auto trouble = co_await housekeeping(std::move(due));
      if (trouble) co_return tl::unexpected(*trouble);
    }
    if (!cached) {
      co_return co_await answer(PQsendQueryParams(connection_.get(), sql.c_str(), arguments.count(), nullptr,
                                                  arguments.values.data(), arguments.lengths.data(),
                                                  arguments.formats.data(), format),
                                how, into);
    }
    if (!name) {
      auto prepared = co_await prepare(sql);
      if (!prepared) co_return tl::unexpected(prepared.error());
      name = std::move(*prepared);
    }
    const bool alone = !in_transaction();
    auto result = co_await answer(
        PQsendQueryPrepared(connection_.get(), name->c_str(), arguments.count(), arguments.values.data(),
                            arguments.lengths.data(), arguments.formats.data(), format),
        how, into);
    if (result) co_return result;
    // The server has lost the statement, or a table has changed under its plan. Nothing was done by it yet,
    // so that it can be run once more, unless it has spoilt a transaction.
    const bool lost = result.error().sqlstate == "26000";
    if (!lost && result.error().sqlstate != "0A000") co_return result;
    cache_.erase(sql);
    if (!lost) to_deallocate_.push_back(*name);
    if (!again || !alone || !intact()) co_return result;
    again = false;
  }
}

asio::awaitable<tl::expected<std::string, Error>> LibpqSession::prepare(const std::string& sql) {
  std::string name = cache_.next_name();
  auto result = co_await answer(PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr));
  if (!result) co_return tl::unexpected(result.error());
  cache_.insert(sql, name);
  co_return name;
}

// Statements to deallocate, so that `room` more fit the bound, and limits to set. Neither can be done in a
// failed transaction, and a limit set in any transaction would go with its rollback.
LibpqSession::Chores LibpqSession::chores(std::size_t room) {
  Chores due;
  const auto status = PQtransactionStatus(connection_.get());
  if (status == PQTRANS_INERROR) return due;
  while (auto name = cache_.evict(room)) to_deallocate_.push_back(*name);
  for (const auto& name : to_deallocate_) due.sql += "DEALLOCATE " + name + ";";
  if (status == PQTRANS_IDLE && wanted_ != applied_) {
    due.limits = wanted_;
    due.sql += "SET statement_timeout = " + std::to_string(wanted_.statement_timeout.count()) +
               "; SET lock_timeout = " + std::to_string(wanted_.lock_timeout.count());
    due.sql += wanted_.synchronous_commit.empty()
                   ? kPinCommit
                   : "; SET synchronous_commit = " + wanted_.synchronous_commit;
  }
  return due;
}

asio::awaitable<std::optional<Error>> LibpqSession::housekeeping(Chores due) {
  auto result = co_await simple(due.sql);
  if (!result) {
    broken_ = true;  // what the server holds is no longer known
    result.error().outside_statement = true;
    co_return result.error();
  }
  to_deallocate_.clear();
  if (due.limits) applied_ = *due.limits;
  co_return std::nullopt;
}

asio::awaitable<tl::expected<Result, Error>> LibpqSession::simple(const std::string& sql) {
  return answer(PQsendQuery(connection_.get(), sql.c_str()));
}

asio::awaitable<tl::expected<Result, Error>> LibpqSession::answer(int sent, Fetch how, Rows* into) {
  PGconn* const connection = connection_.get();
  if (sent == 0) {
    if (PQstatus(connection) != CONNECTION_OK) co_return tl::unexpected(interrupted());
    co_return tl::unexpected(
        Error{ErrorClass::kOther, "", "", "the statement could not be sent to " + target_});
  }
  if (how.row_by_row) PQsetSingleRowMode(connection);
  while (const int pending = PQflush(connection)) {
    if (pending < 0) break;  // the server may have said why; its answer is read below
    const bool writable = co_await socket_.wait(Socket::Wait::wait_write);
    if (!writable) co_return tl::unexpected(interrupted());
  }
  Result result;
  std::optional<Error> error;
  std::size_t bytes = 0;
  bool first_row = true;
  for (;;) {
    while (PQisBusy(connection) != 0) {
      const bool readable = co_await socket_.wait(Socket::Wait::wait_read);
      if (!readable || (PQconsumeInput(connection) == 0 && PQstatus(connection) == CONNECTION_OK)) {
        co_return tl::unexpected(interrupted());
      }
    }
    ResultHandle part(PQgetResult(connection));
    if (!part) break;
    const auto status = PQresultStatus(part.get());
    if (into != nullptr && (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK)) {
      if (PQntuples(part.get()) > 0) into->add(part.release());
    } else if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
               status == PGRES_EMPTY_QUERY) {
      if (first_row) result = header_of(part.get());
      first_row = status != PGRES_SINGLE_TUPLE;
      bytes += append_rows(part.get(), result);
      if (!first_row) {
        if (bytes > kMaxResultBytes) {
          co_return tl::unexpected(broken(ErrorClass::kOther, "the answer is larger than 64 MiB"));
        }
        continue;
      }
      result.affected_rows = affected_rows(part.get());
      bytes = 0;
    } else if (status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR ||
               status == PGRES_BAD_RESPONSE) {
      if (!error) error = error_of(part.get());
    } else {
      co_return tl::unexpected(broken(ErrorClass::kOther, "COPY is not possible here"));
    }
  }
  if (PQstatus(connection) != CONNECTION_OK) broken_ = true;
  if (error) co_return tl::unexpected(std::move(*error));
  co_return result;
}

Error LibpqSession::error_of(const PGresult* result) {
  Error error;
  error.sqlstate = field(result, PG_DIAG_SQLSTATE);
  if (error.sqlstate.empty() && PQstatus(connection_.get()) != CONNECTION_OK) {
    return broken(ErrorClass::kConnectionLost, "the connection was lost");
  }
  error.error_class = classify(error.sqlstate);
  error.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  error.detail = "a statement on " + target_ + " failed (" + error.sqlstate + ")";
  return error;
}

Error LibpqSession::broken(ErrorClass error_class, const char* what) {
  broken_ = true;
  return {error_class, "", "", "on " + target_ + ": " + what};
}

Error LibpqSession::interrupted() {
  silent_ = socket_.expired();
  if (silent_) return broken(ErrorClass::kTimeout, "no answer to a statement by its deadline");
  return broken(ErrorClass::kConnectionLost, "the connection was lost");
}

Error LibpqSession::shared() {
  pooler_->shares = true;
  return {.error_class = ErrorClass::kOther, .sqlstate = std::string(kNotSupported)};
}

bool LibpqSession::intact() const {
  return !broken_ && !lost() && !(pooler_ && pooler_->shares);
}

bool LibpqSession::in_transaction() const {
  const auto status = PQtransactionStatus(connection_.get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

void LibpqSession::set_limits(std::chrono::milliseconds statement_timeout,
                              std::chrono::milliseconds lock_timeout, std::size_t statement_cache_size) {
  wanted_.statement_timeout = statement_timeout;
  wanted_.lock_timeout = lock_timeout;
  cache_.set_capacity(statement_cache_size);
}

void LibpqSession::set_synchronous_commit(std::string level) {
  wanted_.synchronous_commit = std::move(level);
}

bool LibpqSession::alive() {
  // Readable is not yet dead: TLS session tickets and notices also come unasked. What the server says last
  // before it ends a session reaches `on_notice` when it is parsed, which asking whether libpq is busy does.
  while (usable() && socket_.readable_now()) {
    if (PQconsumeInput(connection_.get()) == 0 || PQisBusy(connection_.get()) != 0) broken_ = true;
  }
  return usable();
}

void LibpqSession::on_notice(void* session, const PGresult* notice) {
  const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == nullptr || (std::strcmp(severity, "FATAL") != 0 && std::strcmp(severity, "PANIC") != 0))
    return;
  static_cast<LibpqSession*>(session)->ended_ = true;
}

bool LibpqSession::lost() const {
  return !connection_ || ended_ || silent_ || PQstatus(connection_.get()) != CONNECTION_OK;
}

asio::awaitable<bool> LibpqSession::close(Deadline deadline) {
  busy_ = true;
  connection_.reset();
  co_return co_await socket_.await_end(deadline);
}

}  // namespace storagepool::postgres
