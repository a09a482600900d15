#include "pool/journal/sqlite.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <sqlite3.h>

namespace storagepool::journal::sqlite {
namespace {

constexpr int kPrimaryCode = 0xFF;
constexpr int kBusyMilliseconds = 1000;
constexpr int kChunkBytes = 256 * 1024;  // the file grows by; without it SQLite takes no hint of the size

Failure described(int code, int system_error) {
  Failure failure{.code = code, .reason = sqlite3_errstr(code)};
  const int primary = code & kPrimaryCode;
  if (system_error != 0 &&
      (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL)) {
    failure.reason += " (" + std::generic_category().message(system_error) + ")";
  }
  return failure;
}

int count_frames(void* frames, sqlite3* /*handle*/, const char* /*database*/, int count) {
  *static_cast<std::int64_t*>(frames) = count;
  return SQLITE_OK;
}

// A null pointer would bind NULL.
const char* not_null(std::string_view value) {
  return value.data() == nullptr ? "" : value.data();
}

}  // namespace

bool Failure::corrupt() const {
  const int primary = code & kPrimaryCode;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

Failure Failure::damage(std::string reason) {
  return {.code = SQLITE_CORRUPT, .reason = std::move(reason)};
}

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Database::Database(sqlite3* handle) : wal_frames_(std::make_unique<std::int64_t>(0)), handle_(handle) {}

Result<Database> Database::open(const std::string& path) {
  sqlite3* handle = nullptr;
  errno = 0;
  const int status = sqlite3_open_v2(
      path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database(handle);
  if (status != SQLITE_OK) return tl::unexpected(database.failure(status));
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  // What is dropped after an error shall be found as it was.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_hook(handle, count_frames, database.wal_frames_.get());
  int chunk = kChunkBytes;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
  return database;
}

// SQLite keeps the system's error of some failures only, a commit's not among them.
Failure Database::failure(int code) const {
  const int now = errno;
  return described(code, now == 0 && handle_ ? sqlite3_system_errno(handle_.get()) : now);
}

Result<void> Database::execute(const std::string& sql) {
  errno = 0;
  const int status = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return tl::unexpected(failure(status));
  return {};
}

Result<std::int64_t> Database::integer(const std::string& sql) {
  Statement statement(*this, sql);
  auto row = statement.step();
  if (!row) return tl::unexpected(std::move(row.error()));
  return *row ? statement.integer(0) : 0;
}

Result<std::string> Database::text(const std::string& sql) {
  Statement statement(*this, sql);
  auto row = statement.step();
  if (!row) return tl::unexpected(std::move(row.error()));
  return *row ? std::string(statement.bytes(0)) : std::string();
}

bool Database::read_only() const {
  return sqlite3_db_readonly(handle_.get(), "main") == 1;
}

Result<void> Database::reserve(std::int64_t bytes) {
  sqlite3_int64 size = bytes;
  errno = 0;
  const int status = sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_SIZE_HINT, &size);
  if (status == SQLITE_OK) return {};
  Failure refused = failure(status);
  refused.reason = "a file of " + std::to_string(bytes) + " bytes cannot be had: " + refused.reason;
  return tl::unexpected(std::move(refused));
}

Result<void> Database::checkpoint() {
  errno = 0;
  const int status =
      sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (status != SQLITE_OK) return tl::unexpected(failure(status));
  *wal_frames_ = 0;
  return {};
}

Result<void> Database::close() {
  errno = 0;
  const int status =
      sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (status != SQLITE_OK) {
    Failure error = failure(status);
    handle_.reset();
    return tl::unexpected(std::move(error));
  }
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  handle_.reset();
  return {};
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  errno = 0;
  status_ =
      sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
}

Statement& Statement::keep(int status) {
  if (status_ == SQLITE_OK) status_ = status;
  return *this;
}

Statement& Statement::bind(int index, std::int64_t value) {
  return keep(sqlite3_bind_int64(statement_.get(), index, value));
}

Statement& Statement::bind_null(int index) {
  return keep(sqlite3_bind_null(statement_.get(), index));
}

Statement& Statement::bind_text(int index, std::string_view value) {
  return keep(sqlite3_bind_text64(statement_.get(), index, not_null(value), value.size(), SQLITE_STATIC,
                                  SQLITE_UTF8));
}

Statement& Statement::bind_blob(int index, std::string_view value) {
  return keep(sqlite3_bind_blob64(statement_.get(), index, not_null(value), value.size(), SQLITE_STATIC));
}

Result<bool> Statement::step() {
  if (status_ != SQLITE_OK) return tl::unexpected(database_.failure(status_));
  errno = 0;
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return tl::unexpected(database_.failure(status));
}

Result<void> Statement::run() {
  for (;;) {
    auto row = step();
    if (!row) return tl::unexpected(std::move(row.error()));
    if (!*row) return {};
  }
}

void Statement::reset() {
  // Repeats the error of the last step, which was told there.
  sqlite3_reset(statement_.get());
}

bool Statement::null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

Transaction::Transaction(Database& database)
    : database_(database), begun_(database.execute("BEGIN IMMEDIATE")) {}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors, and nothing it could say here would change anything.
  if (begun_ && sqlite3_get_autocommit(database_.handle()) == 0) {
    sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

Result<void> Transaction::commit() {
  return database_.execute("COMMIT");
}

}  // namespace storagepool::journal::sqlite
