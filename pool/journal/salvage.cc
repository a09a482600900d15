#include "pool/journal/salvage.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "pool/journal/journal.h"
#include "pool/journal/open.h"
#include "pool/journal/pages.h"
#include "pool/journal/record.h"
#include "pool/journal/sqlite.h"

namespace storagepool::journal {
namespace {

namespace fs = std::filesystem;
using sqlite::Database;
using sqlite::Result;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::size_t kTransactionBytes = kMaxUnitBytes / 2;
// What was lost may have had higher sequences than anything that is found.
constexpr std::int64_t kPassedOverSequences = 1'000'000;
constexpr std::int64_t kHighestSequence = std::int64_t{1} << 53;

// A row of one of the journal's two tables, by its number of columns in either format (open.cc).
struct FoundUnit {
  std::int64_t sequence = 0;
  bool set_aside = false;
  std::string workspace;
  std::string incarnation;
  runtime::Timestamp appended_at;
  std::int64_t set_aside_at = 0;
  std::string reason;
  std::int64_t events = 0;
  std::string record;
  std::optional<std::int64_t> checksum;
};

template <typename T>
bool take(std::vector<RawValue>::const_iterator& next, T& value) {
  const T* found = std::get_if<T>(&*next++);
  if (found != nullptr) value = *found;
  return found != nullptr;
}

std::optional<FoundUnit> unit_of(const RawRow& row) {
  constexpr std::size_t kAdded = 3;  // incarnation, bytes, checksum
  constexpr std::size_t kWaiting = 5;
  constexpr std::size_t kSetAside = 7;
  const std::size_t columns = row.values.size();
  const bool added = columns == kWaiting + kAdded || columns == kSetAside + kAdded;
  const std::size_t first = added ? columns - kAdded : columns;
  if (first != kWaiting && first != kSetAside) return std::nullopt;
  FoundUnit unit;
  unit.sequence = row.rowid;
  unit.set_aside = first == kSetAside;
  auto next = row.values.begin() + 1;  // the sequence is the rowid
  std::int64_t appended_at = 0;
  bool fits = take(next, unit.workspace) && take(next, appended_at);
  if (unit.set_aside) fits = fits && take(next, unit.set_aside_at) && take(next, unit.reason);
  fits = fits && take(next, unit.events) && take(next, unit.record);
  if (added) {
    fits = fits && take(next, unit.incarnation);
    std::int64_t checksum = 0;
    if (fits && take(++next, checksum)) unit.checksum = checksum;
  }
  unit.appended_at = runtime::Timestamp(runtime::Timestamp::duration(appended_at));
  if (!fits || unit.sequence <= 0 || unit.sequence > kHighestSequence) return std::nullopt;
  return unit;
}

// The counter of sequences, which is a row (name, sequence) of a table of SQLite's.
std::int64_t counter_of(const RawRow& row) {
  if (row.values.size() != 2) return 0;
  const auto* name = std::get_if<std::string>(&row.values[0]);
  const auto* last = std::get_if<std::int64_t>(&row.values[1]);
  if (name == nullptr || last == nullptr || (*name != "waiting" && *name != "entries")) return 0;
  return *last > 0 && *last < kHighestSequence ? *last : 0;
}

// Why nobody can read it; empty when it is sound.
std::string damage_of(const FoundUnit& unit) {
  const auto events = decode_unit(unit.record);
  if (!events) return events.error();
  if (unit.checksum &&
      *unit.checksum != unit_checksum(unit.workspace, unit.incarnation, unit.appended_at, unit.record)) {
    return "the checksum of what is kept beside the record is wrong";
  }
  return {};
}

// Writes into the new database what is found in the old one.
class Rescue {
 public:
  explicit Rescue(Database& database)
      : database_(database),
        waiting_(
            database,
            "INSERT OR IGNORE INTO waiting (sequence, workspace, incarnation, appended_at, events, bytes,"
            " checksum, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
        set_aside_(database,
                   "INSERT OR IGNORE INTO set_aside (sequence, workspace, incarnation, appended_at, events,"
                   " bytes, checksum, record, set_aside_at, reason)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)") {}

  Result<void> take(const RawRow& row, runtime::Timestamp now) {
    highest_ = std::max(highest_, counter_of(row));
    auto unit = unit_of(row);
    if (!unit) return {};
    const std::string damage = damage_of(*unit);
    if (!damage.empty() && !row.in_use) return {};
    if (!damage.empty() && !unit->set_aside) {
      unit->set_aside = true;
      unit->set_aside_at = now.time_since_epoch().count();
      unit->reason = "damaged on the journal's disk: " + damage;
      damaged_.insert(unit->sequence);
    } else if (!unit->set_aside) {
      damaged_.erase(unit->sequence);
    }
    highest_ = std::max(highest_, unit->sequence);
    return write(*unit);
  }

  // A unit found in both tables waits: what is set aside for good is set aside again.
  Result<void> finish() {
    if (auto begun = begin(); !begun) return begun;
    const std::string last = std::to_string(highest_ + kPassedOverSequences);
    for (const std::string& sql :
         {std::string("DELETE FROM set_aside WHERE sequence IN (SELECT sequence FROM waiting)"),
          std::string("DELETE FROM sqlite_sequence"),
          "INSERT INTO sqlite_sequence (name, seq) VALUES ('waiting', " + last + ")"}) {
      if (auto done = database_.execute(sql); !done) return done;
    }
    return commit();
  }

  std::int64_t damaged() const { return static_cast<std::int64_t>(damaged_.size()); }

 private:
  Result<void> begin() {
    if (!transaction_) transaction_.emplace(database_);
    return transaction_->begun();
  }
  Result<void> commit() {
    auto committed = transaction_->commit();
    transaction_.reset();
    bytes_ = 0;
    if (!committed) return committed;
    return database_.checkpoint();
  }
  Result<void> write(const FoundUnit& unit) {
    if (auto begun = begin(); !begun) return begun;
    Statement& statement = unit.set_aside ? set_aside_ : waiting_;
    statement.bind(1, unit.sequence)
        .bind_text(2, unit.workspace)
        .bind_text(3, unit.incarnation)
        .bind(4, unit.appended_at.time_since_epoch().count())
        .bind(5, unit.events)
        .bind(6, static_cast<std::int64_t>(unit.record.size()))
        .bind_blob(8, unit.record);
    if (unit.checksum) {
      statement.bind(7, *unit.checksum);
    } else {
      statement.bind_null(7);
    }
    if (unit.set_aside) statement.bind(9, unit.set_aside_at).bind_text(10, unit.reason);
    if (auto done = statement.run(); !done) return done;
    statement.reset();
    bytes_ += unit.record.size();
    if (bytes_ < kTransactionBytes) return {};
    return commit();
  }

  Database& database_;
  Statement waiting_;
  Statement set_aside_;
  std::optional<Transaction> transaction_;
  std::size_t bytes_ = 0;  // in the transaction
  std::int64_t highest_ = 0;
  std::set<std::int64_t> damaged_;  // sequences
};

// Their order on the disk is that of the calls.
tl::expected<void, std::string> sync_folder_of(const std::string& path) {
  const std::string folder = fs::absolute(path).parent_path().string();
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = handle >= 0 && ::fsync(handle) == 0;
  const int error = errno;
  if (handle >= 0) ::close(handle);
  if (synced) return {};
  return tl::unexpected("cannot sync " + folder + ": " + std::generic_category().message(error));
}

tl::expected<void, std::string> rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (!error || error == std::errc::no_such_file_or_directory) return {};
  return tl::unexpected("cannot rename " + from + ": " + error.message());
}

std::string salvaged_name(const std::string& path, const std::string& stamp) {
  return path + ".salvaged-" + stamp;
}

std::string kept_name(const std::string& path, const std::string& stamp) {
  return path + ".corrupt-" + stamp;
}

// The salvaged file is whole as soon as it has this name, and the last to move: whatever is at `path` until
// then is the damaged one's. The log goes before the new file comes, which must not be given it.
tl::expected<void, std::string> switch_over(const std::string& path, const std::string& stamp) {
  for (const char* suffix : {"", "-wal", "-journal"}) {
    if (auto moved = rename(path + suffix, kept_name(path, stamp) + suffix); !moved) return moved;
  }
  if (auto synced = sync_folder_of(path); !synced) return synced;
  if (auto moved = rename(salvaged_name(path, stamp), path); !moved) return moved;
  return sync_folder_of(path);
}

std::string unused_stamp(const std::string& path, runtime::Timestamp now) {
  std::string stamp = runtime::format_seconds(now);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  const std::string first = stamp;
  std::error_code error;
  for (int copy = 2;
       fs::exists(kept_name(path, stamp), error) || fs::exists(kept_name(path, stamp) + "-wal", error);
       ++copy) {
    stamp = first + "-" + std::to_string(copy);
  }
  return stamp;
}

std::string unfinished_name(const std::string& path) {
  return path + ".salvage";
}

void remove_unfinished(const std::string& path) {
  std::error_code error;
  for (const char* suffix : {"", "-wal", "-journal"}) fs::remove(unfinished_name(path) + suffix, error);
}

Result<std::int64_t> copy(const RawDatabase& from, Database& to, runtime::Timestamp now) {
  Rescue rescue(to);
  Result<void> outcome;
  from.for_each_row([&](const RawRow& row) {
    outcome = rescue.take(row, now);
    return outcome.has_value();
  });
  if (outcome) outcome = rescue.finish();
  if (!outcome) return tl::unexpected(std::move(outcome.error()));
  return rescue.damaged();
}

}  // namespace

tl::expected<Salvage, std::string> salvage(const std::string& path, runtime::Timestamp now) {
  remove_unfinished(path);
  const auto old = RawDatabase::open(path);
  if (!old) return tl::unexpected("the damaged database cannot be read: " + old.error());
  auto fresh = open_journal(unfinished_name(path));
  if (!fresh) return tl::unexpected("a new database cannot be made: " + fresh.error().reason);
  auto damaged = copy(*old, *fresh, now);
  if (damaged) {
    if (auto closed = fresh->close(); !closed) damaged = tl::unexpected(std::move(closed.error()));
  }
  if (!damaged) return tl::unexpected("the new database cannot be written: " + damaged.error().reason);
  const std::string stamp = unused_stamp(path, now);
  if (auto named = rename(unfinished_name(path), salvaged_name(path, stamp)); !named) {
    return tl::unexpected(std::move(named.error()));
  }
  if (auto switched = switch_over(path, stamp); !switched) return tl::unexpected(std::move(switched.error()));
  return Salvage{.kept_as = kept_name(path, stamp), .damaged = *damaged};
}

tl::expected<void, std::string> finish_salvage(const std::string& path) {
  remove_unfinished(path);
  const fs::path folder = fs::absolute(path).parent_path();
  const std::string prefix = fs::path(salvaged_name(path, "")).filename().string();
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(prefix)) return switch_over(path, name.substr(prefix.size()));
  }
  return {};
}

}  // namespace storagepool::journal
