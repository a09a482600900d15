// The journal's database and what is done to it, blocking: the worker thread's side of the journal. Every
// operation is one transaction; one that fails changes nothing, and says so in the statistics and, the first
// time in a row, in the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "pool/journal/journal.h"
#include "pool/journal/open.h"
#include "pool/journal/sqlite.h"

namespace storagepool::journal {

template <typename T>
using Outcome = tl::expected<T, Error>;

struct Salvage;

class File {
 public:
  static constexpr std::size_t kMaxGroupBytes = kMaxUnitBytes / 2;

  // A unit as it is written.
  struct Record {
    std::string_view workspace;
    std::string_view incarnation;
    std::string_view record;
    std::int64_t events = 0;
  };

  // `before` is what an earlier File of this process has counted, `damage` what it has found: empty, or the
  // database is salvaged whether it opens or not. The error names the path and the reason.
  static tl::expected<std::unique_ptr<File>, std::string> open(const Options& options,
                                                               const Statistics& before,
                                                               const std::string& damage,
                                                               runtime::Timestamp now);

  // One fsync for all; `group` is one unit or holds at most kMaxGroupBytes of records. Those that do not fit
  // are refused, the others are kept.
  std::vector<Outcome<void>> append(std::span<const Record> group, runtime::Timestamp now);
  // The others are as in Journal.
  Outcome<std::vector<WaitingWorkspace>> waiting();
  Outcome<std::vector<Unit>> next(const Take& take, runtime::Timestamp now);
  Outcome<std::vector<KeptUnit>> read(const Page& page);
  Outcome<Amount> remove(std::span<const std::int64_t> sequences);
  Outcome<Amount> set_aside(std::span<const std::int64_t> sequences, std::string_view reason,
                            runtime::Timestamp now);
  Outcome<Amount> put_back(std::span<const std::int64_t> sequences);
  Outcome<Amount> drop(std::span<const std::int64_t> sequences);
  // What need not keep the callers waiting: copies the log into the database when it has grown enough.
  void maintain();
  // Reads a further part of what is kept, to find damage before it is needed; false when there is no more.
  bool inspect();
  // Writes something, after a failure: whether the disk works again.
  void probe();
  // Notices a file system that has become read-only while nothing is written.
  void watch();
  Outcome<void> close();

  const Statistics& statistics() const { return statistics_; }
  bool failing() const { return !statistics_.last_failure.empty(); }
  // What an operation has found of a damaged file; empty if it is sound. Only a new File helps.
  const std::string& damage() const { return damage_; }

 private:
  File(const Options& options, sqlite::Database database, const Statistics& before);
  static tl::expected<std::unique_ptr<File>, Refusal> open_once(const Options& options,
                                                                const Statistics& before);

  struct Found;
  // What a transaction does to the amounts, once it is committed.
  struct Change {
    std::string workspace;
    Amount amount;
  };
  using Changes = std::vector<Change>;

  void take_over(const Salvage& salvaged);
  sqlite::Result<void> load();
  sqlite::Result<void> load_amounts();
  sqlite::Result<void> make_room_in_log();
  sqlite::Result<std::int64_t> free_bytes();
  sqlite::Result<void> reserve_working_space();
  sqlite::Result<void> insert(std::span<const Record> group, runtime::Timestamp now,
                              std::vector<Outcome<void>>& outcomes);
  sqlite::Result<Found> find(const Take& take);
  sqlite::Result<Changes> erase(Part from, std::span<const std::int64_t> sequences);
  // The first of `sequences`, as many as one transaction may move; takes them off.
  sqlite::Result<Changes> move_some(Part to, std::span<const std::int64_t>& sequences,
                                    std::string_view reason, runtime::Timestamp now);
  Outcome<Amount> move(Part to, std::span<const std::int64_t> sequences, std::string_view reason,
                       runtime::Timestamp now);
  Amount taken_from(Part part, const Changes& changes);
  Amount added_to(Part part, const Changes& changes);
  sqlite::Result<void> look();
  sqlite::Result<bool> inspect_some();
  Error failed(std::string_view what, const sqlite::Failure& failure);
  void succeeded();

  std::string path_;
  sqlite::Database database_;
  std::int64_t page_bytes_ = 0;
  std::int64_t max_pages_ = 0;
  bool closed_ = false;
  std::string damage_;
  // How far `inspect` has come; no part: to the end.
  std::optional<Part> inspected_part_ = Part::kWaiting;
  std::int64_t inspected_ = 0;
  // Of the workspaces that units wait for, and nothing else.
  std::map<std::string, Amount, std::less<>> waiting_;
  Statistics statistics_;
};

// The table that holds a part.
const char* table_of(Part part);
// A time as the tables hold it.
runtime::Timestamp to_time(std::int64_t microseconds);

}  // namespace storagepool::journal
