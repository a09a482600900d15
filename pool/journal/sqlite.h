// The little of SQLite's C interface that the journal uses, with owned handles and errors that carry SQLite's
// reason and the system's, never a value of a row. Blocking, for one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace storagepool::journal::sqlite {

struct Failure {
  int code = 0;        // extended result code, https://sqlite.org/rescode.html
  std::string reason;  // "disk I/O error (Input/output error)"

  bool corrupt() const;  // the file is damaged or no database at all
  static Failure damage(std::string reason);
};

template <typename T>
using Result = tl::expected<T, Failure>;

class Database {
 public:
  // An existing file, for reading and writing. Nothing is written back when the handle is dropped.
  static Result<Database> open(const std::string& path);

  Result<void> execute(const std::string& sql);
  // The first column of the first row.
  Result<std::int64_t> integer(const std::string& sql);
  Result<std::string> text(const std::string& sql);

  bool read_only() const;
  // Frames in the write-ahead log after the last commit or checkpoint.
  std::int64_t wal_frames() const { return *wal_frames_; }
  // Takes space on the disk for a database of this size now, so that the log can be copied into it later
  // however full the disk is then.
  Result<void> reserve(std::int64_t bytes);
  // Copies the log into the database, so that the next commit starts it anew.
  Result<void> checkpoint();
  // Checkpoints, removes the log and gives up the handle.
  Result<void> close();

  sqlite3* handle() const { return handle_.get(); }
  Failure failure(int code) const;  // of the call that has just ended

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  explicit Database(sqlite3* handle);

  // Where the hook of the handle writes to, so it must outlive the handle.
  std::unique_ptr<std::int64_t> wal_frames_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// A prepared statement; `database` must outlive it. An error in preparing or binding is told by `step`.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  Statement& bind(int index, std::int64_t value);
  Statement& bind_null(int index);
  // The bytes must stay as they are until `reset`.
  Statement& bind_text(int index, std::string_view value);
  Statement& bind_blob(int index, std::string_view value);

  Result<bool> step();  // true: a row is there; false: done
  Result<void> run();   // passes over the rows
  void reset();

  bool null(int column) const;
  std::int64_t integer(int column) const;    // 0 for NULL
  std::string_view bytes(int column) const;  // of a text or blob, until the next step or reset

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement& keep(int status);

  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int status_;
};

// Rolled back unless `commit` succeeded.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  const Result<void>& begun() const { return begun_; }
  Result<void> commit();

 private:
  Database& database_;
  Result<void> begun_;
};

}  // namespace storagepool::journal::sqlite
