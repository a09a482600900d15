// The journal's database and what is done to it, blocking: the worker thread's side of the journal. Every
// operation is one transaction; one that fails changes nothing, and says so in the statistics and, the first
// time in a row, in the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "pool/journal/journal.h"
#include "pool/journal/sqlite.h"

namespace storagepool::journal {

template <typename T>
using Outcome = tl::expected<T, Error>;

class File {
 public:
  static constexpr std::size_t kMaxGroupBytes = kMaxUnitBytes / 2;

  // A unit as it is written.
  struct Record {
    std::string_view workspace;
    std::string_view record;
    std::int64_t events = 0;
  };

  static tl::expected<std::unique_ptr<File>, std::string> open(const Options& options,
                                                               runtime::Timestamp now);

  // One fsync for all; `group` is one unit or holds at most kMaxGroupBytes of records. Those that do not fit
  // are refused, the others are kept.
  std::vector<Outcome<void>> append(std::span<const Record> group, runtime::Timestamp now);
  tl::expected<std::vector<Unit>, Error> next(std::size_t max_events, std::size_t max_bytes,
                                              runtime::Timestamp now);
  Outcome<void> remove(std::span<const std::int64_t> sequences);
  Outcome<void> set_aside(std::span<const std::int64_t> sequences, std::string_view reason,
                          runtime::Timestamp now);
  tl::expected<std::vector<SetAsideUnit>, Error> set_aside_units(std::size_t limit);
  // What need not keep the callers waiting: copies the log into the database when it has grown enough.
  void maintain();
  Outcome<void> close();

  const Statistics& statistics() const { return statistics_; }

 private:
  File(const Options& options, sqlite::Database database, std::string moved_aside);

  // Of rows whose first two columns are events and bytes.
  static sqlite::Result<Amount> sum_rows(sqlite::Statement& statement);
  sqlite::Result<void> load();
  sqlite::Result<void> make_room_in_log();
  sqlite::Result<std::int64_t> free_bytes();
  sqlite::Result<void> insert(std::span<const Record> group, runtime::Timestamp now,
                              std::vector<Outcome<void>>& outcomes);
  sqlite::Result<Amount> erase(std::span<const std::int64_t> sequences);
  sqlite::Result<Amount> set_one_aside(std::int64_t sequence, std::string_view reason,
                                       runtime::Timestamp now);
  sqlite::Result<Amount> discard_oldest_set_aside();
  sqlite::Result<void> bound_set_aside();
  sqlite::Result<void> look();
  Error failed(std::string_view what, const sqlite::Failure& failure);
  void succeeded();

  std::string path_;
  sqlite::Database database_;
  std::int64_t page_bytes_ = 0;
  std::int64_t max_pages_ = 0;
  bool closed_ = false;
  Statistics statistics_;
};

}  // namespace storagepool::journal
