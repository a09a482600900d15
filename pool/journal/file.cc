#include "pool/journal/file.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "pool/common/runtime/log.h"
#include "pool/journal/open.h"
#include "pool/journal/record.h"
#include "pool/journal/salvage.h"

namespace storagepool::journal {
namespace {

using sqlite::Failure;
using sqlite::Result;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::int64_t kMiB = std::int64_t{1024} * 1024;
// No transaction begins with a longer log, and none adds more than the largest unit and some pages, so this
// is the part of the bound that the log may take.
constexpr std::int64_t kCheckpointFrames = 256;
constexpr std::int64_t kLogBytes = 11 * kMiB;
static_assert(std::int64_t{kMaxUnitBytes} + kCheckpointFrames * 4120 + kMiB < kLogBytes);
// Kept free for inner pages of the tables, so that removing and setting aside never lack space.
constexpr std::int64_t kSparePages = 32;

Amount amount_of(const File::Record& unit) {
  return {.units = 1, .events = unit.events, .bytes = static_cast<std::int64_t>(unit.record.size())};
}

// At most what a row takes of the file: a small one shares its page, at worst with half of it unused; of a
// large one all but the beginning lies in pages of its own.
std::int64_t cost_in_file(const File::Record& unit, std::int64_t page_bytes) {
  constexpr std::int64_t kRowBytes = 64;
  constexpr std::int64_t kIndexRowBytes = 48;
  const auto origin = static_cast<std::int64_t>(unit.workspace.size() + unit.incarnation.size());
  const auto size = origin + static_cast<std::int64_t>(unit.record.size()) + kRowBytes;
  const std::int64_t index = 2 * (origin + kIndexRowBytes);
  return index + (size < page_bytes ? 2 * size : size + size / 512 + 2 * page_bytes);
}

}  // namespace

const char* table_of(Part part) {
  return part == Part::kWaiting ? "waiting" : "set_aside";
}

runtime::Timestamp to_time(std::int64_t microseconds) {
  return runtime::Timestamp(runtime::Timestamp::duration(microseconds));
}

tl::expected<std::unique_ptr<File>, std::string> File::open(const Options& options, const Statistics& before,
                                                            const std::string& damage,
                                                            runtime::Timestamp now) {
  const auto refused = [&](const std::string& reason) {
    return tl::unexpected("cannot open the journal " + options.path + ": " + reason);
  };
  if (auto finished = finish_salvage(options.path); !finished) return refused(finished.error());
  Refusal found{.corrupt = true, .reason = damage};
  if (damage.empty()) {
    auto file = open_once(options, before);
    if (file) return std::move(*file);
    found = std::move(file.error());
  }
  if (!found.corrupt) return refused(found.reason);
  log::error("the journal is damaged and is salvaged", {{"path", options.path}, {"damage", found.reason}});
  auto salvaged = salvage(options.path, now);
  if (!salvaged) return refused("it is damaged (" + found.reason + "); " + salvaged.error());
  auto file = open_once(options, before);
  if (!file) return refused(file.error().reason);
  (*file)->take_over(*salvaged);
  return std::move(*file);
}

void File::take_over(const Salvage& salvaged) {
  const Amount& waiting = statistics_.waiting;
  log::error("the journal was salvaged; events that could not be read may be missing, how many is not known",
             {{"path", path_},
              {"waitingUnits", waiting.units},
              {"waitingEvents", waiting.events},
              {"setAsideUnits", statistics_.aside.units},
              {"damagedUnits", salvaged.damaged},
              {"keptAs", salvaged.kept_as}});
  ++statistics_.salvages;
  statistics_.salvaged += waiting;
  statistics_.salvaged += statistics_.aside;
  statistics_.damaged += salvaged.damaged;
  statistics_.kept_as = salvaged.kept_as;
}

tl::expected<std::unique_ptr<File>, Refusal> File::open_once(const Options& options,
                                                             const Statistics& before) {
  auto database = open_journal(options.path);
  if (!database) return tl::unexpected(std::move(database.error()));
  std::unique_ptr<File> file(new File(options, std::move(*database), before));
  if (auto loaded = file->load(); !loaded) return tl::unexpected(refusal(loaded.error()));
  return file;
}

File::File(const Options& options, sqlite::Database database, const Statistics& before)
    : path_(options.path), database_(std::move(database)), statistics_(before) {
  statistics_.max_bytes = std::max(options.max_bytes, kMinBytes);
  statistics_.waiting = {};
  statistics_.aside = {};
  statistics_.last_failure.clear();
}

Result<void> File::load() {
  auto page_bytes = database_.integer("PRAGMA page_size");
  if (!page_bytes) return tl::unexpected(std::move(page_bytes.error()));
  page_bytes_ = *page_bytes;
  max_pages_ = (statistics_.max_bytes - kLogBytes) / page_bytes_;
  if (auto loaded = load_amounts(); !loaded) return loaded;
  if (auto reserved = reserve_working_space(); !reserved) return reserved;
  return look();
}

Result<void> File::load_amounts() {
  for (const Part part : {Part::kWaiting, Part::kSetAside}) {
    const std::string table = table_of(part);
    Statement rows(database_, "SELECT workspace, sequence, events, bytes FROM " + table + " INDEXED BY " +
                                  table + "_by_workspace ORDER BY workspace, sequence");
    Statement length(database_, "SELECT length(record) FROM " + table + " WHERE sequence = ?1");
    for (;;) {
      auto row = rows.step();
      if (!row) return tl::unexpected(std::move(row.error()));
      if (!*row) break;
      Amount amount{.units = 1, .events = rows.integer(2), .bytes = rows.integer(3)};
      if (rows.null(3)) {
        auto found = length.bind(1, rows.integer(1)).step();
        if (!found) return tl::unexpected(std::move(found.error()));
        amount.bytes = length.integer(0);
        length.reset();
      }
      added_to(part, {{std::string(rows.bytes(0)), amount}});
    }
  }
  return {};
}

Amount File::added_to(Part part, const Changes& changes) {
  Amount sum;
  for (const Change& change : changes) {
    if (part == Part::kWaiting) waiting_[change.workspace] += change.amount;
    sum += change.amount;
  }
  (part == Part::kWaiting ? statistics_.waiting : statistics_.aside) += sum;
  return sum;
}

Amount File::taken_from(Part part, const Changes& changes) {
  Amount sum;
  for (const Change& change : changes) {
    sum += change.amount;
    if (part != Part::kWaiting) continue;
    const auto found = waiting_.find(change.workspace);
    if (found == waiting_.end()) continue;
    found->second -= change.amount;
    if (found->second.units <= 0) waiting_.erase(found);
  }
  (part == Part::kWaiting ? statistics_.waiting : statistics_.aside) -= sum;
  return sum;
}

Result<void> File::make_room_in_log() {
  if (database_.wal_frames() < kCheckpointFrames) return {};
  return database_.checkpoint();
}

Result<std::int64_t> File::free_bytes() {
  auto pages = database_.integer("PRAGMA page_count");
  if (!pages) return pages;
  auto unused = database_.integer("PRAGMA freelist_count");
  if (!unused) return unused;
  return (max_pages_ - kSparePages - *pages + *unused) * page_bytes_;
}

// A disk that is full by now must not keep the log from being copied, or replay could remove nothing.
Result<void> File::reserve_working_space() {
  constexpr std::int64_t kAtLeast = kMiB;
  auto pages = database_.integer("PRAGMA page_count");
  if (!pages) return tl::unexpected(std::move(pages.error()));
  return database_.reserve(std::max(*pages * page_bytes_, kAtLeast));
}

// What the statistics tell of the file as it is now.
Result<void> File::look() {
  auto unused = free_bytes();
  if (!unused) return tl::unexpected(std::move(unused.error()));
  const auto usable = static_cast<double>((max_pages_ - kSparePages) * page_bytes_);
  statistics_.used = std::clamp(1.0 - static_cast<double>(*unused) / usable, 0.0, 1.0);
  statistics_.disk_bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code absent;
    const auto size = std::filesystem::file_size(path_ + suffix, absent);
    if (!absent) statistics_.disk_bytes += static_cast<std::int64_t>(size);
  }
  Statement first(database_, "SELECT appended_at FROM waiting ORDER BY sequence LIMIT 1");
  auto row = first.step();
  if (!row) return tl::unexpected(std::move(row.error()));
  statistics_.oldest.reset();
  if (*row) statistics_.oldest = to_time(first.integer(0));
  return {};
}

Error File::failed(std::string_view what, const Failure& failure) {
  if (failure.corrupt() && damage_.empty()) damage_ = failure.reason;
  std::string detail = "cannot " + std::string(what) + " the journal " + path_ + ": " + failure.reason;
  ++statistics_.failures;
  if (statistics_.last_failure.empty()) log::error("the journal's disk fails", {{"error", detail}});
  statistics_.last_failure = detail;
  return {.kind = Error::Kind::kFailed, .detail = std::move(detail)};
}

void File::succeeded() {
  if (auto looked = look(); !looked) {
    failed("read", looked.error());
    return;
  }
  if (!statistics_.last_failure.empty()) log::info("the journal's disk works again", {{"path", path_}});
  statistics_.last_failure.clear();
}

Result<void> File::insert(std::span<const Record> group, runtime::Timestamp now,
                          std::vector<Outcome<void>>& outcomes) {
  auto room = make_room_in_log();
  if (!room) return room;
  auto unused = free_bytes();
  if (!unused) return tl::unexpected(std::move(unused.error()));
  Transaction transaction(database_);
  if (!transaction.begun()) return transaction.begun();
  Statement statement(database_,
                      "INSERT INTO waiting (workspace, incarnation, appended_at, events, bytes, checksum,"
                      " record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Record& unit = group[i];
    const std::int64_t cost = cost_in_file(unit, page_bytes_);
    if (cost > *unused) {
      outcomes[i] =
          tl::unexpected(Error{Error::Kind::kFull, "the journal " + path_ + " is full: it may take " +
                                                       std::to_string(statistics_.max_bytes) + " bytes"});
      continue;
    }
    *unused -= cost;
    statement.bind_text(1, unit.workspace)
        .bind_text(2, unit.incarnation)
        .bind(3, now.time_since_epoch().count())
        .bind(4, unit.events)
        .bind(5, static_cast<std::int64_t>(unit.record.size()))
        .bind(6, unit_checksum(unit.workspace, unit.incarnation, now, unit.record))
        .bind_blob(7, unit.record);
    if (auto done = statement.run(); !done) return done;
    statement.reset();
  }
  if (auto reserved = reserve_working_space(); !reserved) return reserved;
  return transaction.commit();
}

std::vector<Outcome<void>> File::append(std::span<const Record> group, runtime::Timestamp now) {
  std::vector<Outcome<void>> outcomes(group.size());
  auto inserted = insert(group, now, outcomes);
  if (!inserted) {
    const Error error = failed("append to", inserted.error());
    for (Outcome<void>& outcome : outcomes) {
      if (outcome) outcome = tl::unexpected(error);
    }
    return outcomes;
  }
  Changes appended;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (outcomes[i]) {
      appended.push_back({std::string(group[i].workspace), amount_of(group[i])});
    } else {
      ++statistics_.refused;
    }
  }
  statistics_.appended += added_to(Part::kWaiting, appended);
  ++statistics_.commits;
  succeeded();
  return outcomes;
}

Result<File::Changes> File::erase(Part from, std::span<const std::int64_t> sequences) {
  if (auto room = make_room_in_log(); !room) return tl::unexpected(std::move(room.error()));
  Transaction transaction(database_);
  if (!transaction.begun()) return tl::unexpected(transaction.begun().error());
  Changes erased;
  Statement statement(database_, std::string("DELETE FROM ") + table_of(from) +
                                     " WHERE sequence = ?1 RETURNING workspace, events, length(record)");
  for (const std::int64_t sequence : sequences) {
    auto row = statement.bind(1, sequence).step();
    if (!row) return tl::unexpected(std::move(row.error()));
    if (*row) {
      erased.push_back({std::string(statement.bytes(0)),
                        {.units = 1, .events = statement.integer(1), .bytes = statement.integer(2)}});
      if (auto done = statement.run(); !done) return tl::unexpected(std::move(done.error()));
    }
    statement.reset();
  }
  if (auto committed = transaction.commit(); !committed) return tl::unexpected(std::move(committed.error()));
  return erased;
}

Outcome<Amount> File::remove(std::span<const std::int64_t> sequences) {
  auto erased = erase(Part::kWaiting, sequences);
  if (!erased) return tl::unexpected(failed("remove from", erased.error()));
  const Amount removed = taken_from(Part::kWaiting, *erased);
  statistics_.replayed += removed;
  succeeded();
  return removed;
}

Outcome<Amount> File::drop(std::span<const std::int64_t> sequences) {
  auto erased = erase(Part::kSetAside, sequences);
  if (!erased) return tl::unexpected(failed("drop from", erased.error()));
  const Amount dropped = taken_from(Part::kSetAside, *erased);
  statistics_.dropped += dropped;
  succeeded();
  return dropped;
}

void File::maintain() {
  if (closed_) return;
  if (auto made = make_room_in_log(); !made) failed("checkpoint", made.error());
}

Outcome<void> File::close() {
  closed_ = true;
  auto closed = database_.close();
  if (!closed) return tl::unexpected(failed("close", closed.error()));
  statistics_.last_failure.clear();
  return {};
}

}  // namespace storagepool::journal
