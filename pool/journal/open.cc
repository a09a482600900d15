#include "pool/journal/open.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/journal/pages.h"

namespace storagepool::journal {
namespace {

using sqlite::Database;

constexpr std::int64_t kApplicationId = 0x53504A4C;  // "SPJL", in the file's header

// AUTOINCREMENT: the sequence of a removed unit is never given to another one.
constexpr const char* kFirstFormat =
    "CREATE TABLE entries (sequence INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL,"
    " appended_at INTEGER NOT NULL, events INTEGER NOT NULL, record BLOB NOT NULL);"
    "CREATE TABLE poison (sequence INTEGER PRIMARY KEY, workspace TEXT NOT NULL, appended_at INTEGER NOT "
    "NULL,"
    " set_aside_at INTEGER NOT NULL, reason TEXT NOT NULL, events INTEGER NOT NULL, record BLOB NOT NULL);";

// A new journal takes this way too, so that there is one layout. Whatever is in it, no row is written anew:
// those of format 1 have neither `bytes` (of the record) nor `checksum` (unit_checksum). The indexes hold
// what the statistics need, so that a long journal is opened without being read from end to end.
constexpr const char* kSecondFormat =
    "ALTER TABLE entries RENAME TO waiting;"
    "ALTER TABLE waiting ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE waiting ADD COLUMN bytes INTEGER;"
    "ALTER TABLE waiting ADD COLUMN checksum INTEGER;"
    "CREATE INDEX waiting_by_workspace ON waiting (workspace, sequence, appended_at, events, bytes);"
    "ALTER TABLE poison RENAME TO set_aside;"
    "ALTER TABLE set_aside ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE set_aside ADD COLUMN bytes INTEGER;"
    "ALTER TABLE set_aside ADD COLUMN checksum INTEGER;"
    "CREATE INDEX set_aside_by_workspace ON set_aside (workspace, sequence, appended_at, events, bytes);";

std::string system_reason(int error) {
  return std::generic_category().message(error);
}

// SQLite would make the file for everybody to read. Only ever opened here when it is new: closing it again
// would drop a lock that this process has on it.
tl::expected<void, Refusal> make_private_file(const std::string& path) {
  constexpr mode_t kPrivate = S_IRUSR | S_IWUSR;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kPrivate);
  if (file >= 0) {
    ::close(file);
    return {};
  }
  if (errno != EEXIST) return tl::unexpected(Refusal{false, system_reason(errno)});
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return tl::unexpected(Refusal{false, system_reason(errno)});
  if (!S_ISREG(facts.st_mode)) return tl::unexpected(Refusal{false, "not a regular file"});
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0 && ::chmod(path.c_str(), kPrivate) != 0) {
    return tl::unexpected(Refusal{false, "cannot be made private: " + system_reason(errno)});
  }
  return {};
}

// SQLite opens what it may not write for reading, and fails at its locks later without saying why.
Refusal read_only(const std::string& path) {
  const bool may_write = ::access(path.c_str(), W_OK) == 0;
  return {false, "it cannot be written" + (may_write ? std::string() : " (" + system_reason(errno) + ")")};
}

tl::expected<void, sqlite::Failure> run_all(Database& database,
                                            std::initializer_list<const char*> statements) {
  for (const char* statement : statements) {
    if (auto done = database.execute(statement); !done) return done;
  }
  return {};
}

// From `format` (0: an empty file) to the present one.
tl::expected<void, sqlite::Failure> lay_out(Database& database, std::int64_t format) {
  if (format == kFormat) return {};
  sqlite::Transaction transaction(database);
  if (!transaction.begun()) return transaction.begun();
  const std::string id = "PRAGMA application_id = " + std::to_string(kApplicationId);
  const std::string version = "PRAGMA user_version = " + std::to_string(kFormat);
  auto done = format == 0 ? database.execute(kFirstFormat) : tl::expected<void, sqlite::Failure>();
  if (done) done = run_all(database, {kSecondFormat, id.c_str(), version.c_str()});
  if (!done) return done;
  return transaction.commit();
}

// What is in the file: the format of a journal, 0 for nothing yet, or something to keep away from.
tl::expected<std::int64_t, Refusal> identify(Database& database) {
  const auto id = database.integer("PRAGMA application_id");
  if (!id) return tl::unexpected(refusal(id.error()));
  const auto version = database.integer("PRAGMA user_version");
  if (!version) return tl::unexpected(refusal(version.error()));
  const auto tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(refusal(tables.error()));
  if (*id == 0 && *version == 0 && *tables == 0) return 0;
  if (*id != kApplicationId) return tl::unexpected(Refusal{false, "it is a database of another program"});
  if (*version >= 1 && *version <= kFormat) return *version;
  return tl::unexpected(Refusal{false, "it was written by a newer version of this program (format " +
                                           std::to_string(*version) + ", this one knows " +
                                           std::to_string(kFormat) +
                                           "): run that version, or move the file away"});
}

tl::expected<void, Refusal> check_tables(Database& database) {
  const auto tables = database.integer(
      "SELECT count(*) FROM sqlite_schema WHERE name IN"
      " ('waiting', 'waiting_by_workspace', 'set_aside', 'set_aside_by_workspace')");
  if (!tables) return tl::unexpected(refusal(tables.error()));
  if (*tables != 4) return tl::unexpected(Refusal{true, "its tables are missing"});
  return {};
}

// Before the first write, for a free list that names pages in use would have them written over. Reading more
// than this would keep those waiting that append: of a journal that holds more, the rows are read later, in
// the background.
tl::expected<void, Refusal> check_structure(Database& database) {
  constexpr std::int64_t kMostBytes = std::int64_t{32} * 1024 * 1024;
  const auto pages = database.integer("PRAGMA page_count");
  if (!pages) return tl::unexpected(refusal(pages.error()));
  const auto unused = database.integer("PRAGMA freelist_count");
  if (!unused) return tl::unexpected(refusal(unused.error()));
  if ((*pages - *unused) * static_cast<std::int64_t>(RawDatabase::kPageBytes) > kMostBytes) return {};
  auto found = database.text("PRAGMA quick_check(1)");
  if (!found) return tl::unexpected(refusal(found.error()));
  if (*found == "ok") return {};
  std::ranges::replace(*found, '\n', ' ');
  return tl::unexpected(Refusal{true, std::move(*found)});
}

}  // namespace

Refusal refusal(const sqlite::Failure& failure) {
  if ((failure.code & 0xFF) == SQLITE_BUSY) return {false, "it is in use by another process"};
  return {failure.corrupt(), failure.reason};
}

tl::expected<Database, Refusal> open_journal(const std::string& path) {
  if (auto made = make_private_file(path); !made) return tl::unexpected(std::move(made.error()));
  auto database = Database::open(path);
  if (!database) return tl::unexpected(refusal(database.error()));
  if (database->read_only()) return tl::unexpected(read_only(path));
  // Exclusive before the first read: SQLite then needs no shared memory file beside the log. Freed pages are
  // used again rather than wiped, and the file checks the log's size.
  auto locked = run_all(*database, {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA secure_delete = OFF",
                                    "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -2048"});
  if (!locked) return tl::unexpected(refusal(locked.error()));
  const auto format = identify(*database);
  if (!format) return tl::unexpected(format.error());
  if (RawDatabase::log_began_anew(path)) {
    const auto emptied = database->text("PRAGMA wal_checkpoint(TRUNCATE)");  // with salts of its own
    if (!emptied) return tl::unexpected(refusal(emptied.error()));
  }
  if (RawDatabase::log_is_damaged(path)) return tl::unexpected(Refusal{true, "its log is damaged"});
  const auto mode = database->text("PRAGMA journal_mode = WAL");
  if (!mode) return tl::unexpected(refusal(mode.error()));
  if (*mode != "wal") return tl::unexpected(Refusal{false, "no write-ahead log on this file system"});
  auto ready = run_all(*database, {"PRAGMA synchronous = FULL"});
  if (ready) ready = lay_out(*database, *format);
  if (!ready) return tl::unexpected(refusal(ready.error()));
  for (const auto check : {check_tables, check_structure}) {
    if (auto whole = check(*database); !whole) return tl::unexpected(std::move(whole.error()));
  }
  return std::move(*database);
}

}  // namespace storagepool::journal
