// The journal: where events go that were accepted while PostgreSQL cannot take them. A SQLite database on the
// pod's own volume (WAL, synchronous=FULL), so that what `append` acknowledged survives the end of the
// process and of the machine at any instruction. One worker thread does all of the disk's work; appends that
// wait while it is busy are committed together, with one fsync.
//
//   auto journal = Journal::open(executor, {.path = "/var/lib/datastorage/journal.db"});
//   auto kept = co_await (*journal)->append(workspace, std::move(events), deadline);   // then answer 202
//
// Units leave the journal only by `remove`, to be called once PostgreSQL has committed them, and by
// `set_aside`, which keeps a unit that PostgreSQL can never take where it is seen and in nobody's way.
// Storing is idempotent by event id, so that a unit stored and not removed before a crash is stored again
// without effect.
//
// Disk use (the database and its "-wal" together) stays within `max_bytes`; space of removed units is used
// again, the files do not shrink. A database found corrupt when opened is moved aside, kept under a name of
// its own, and a fresh one is used; one that a newer version or another program wrote is left alone and is an
// error. All members are for the executor's one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/event/event.h"

namespace storagepool::journal {

inline constexpr std::int64_t kMinBytes = std::int64_t{16} * 1024 * 1024;
inline constexpr std::size_t kMaxUnitBytes = std::size_t{8} * 1024 * 1024;  // of one call's events

struct Options {
  std::string path;  // of the database; made with mode 0600 in a folder that must exist
  std::int64_t max_bytes = std::int64_t{256} * 1024 * 1024;      // of disk; at least kMinBytes
  std::size_t max_queued_bytes = std::size_t{16} * 1024 * 1024;  // of memory for what waits for the disk
};

struct Error {
  enum class Kind {
    kFull,    // the bound on disk or memory is reached: worth trying again once replay has made room
    kFailed,  // the disk refused, did not answer in time, or the journal is closed
  };
  Kind kind = Kind::kFailed;
  std::string detail;  // names the file and the system's reason, no event; for logs rather than clients
};

// One call's events: stored whole or not at all.
struct Unit {
  std::int64_t sequence = 0;  // of acceptance, never used twice
  std::string workspace;      // empty: the system database
  std::vector<event::Event> events;
};

// A unit that PostgreSQL refused alone, or that can no longer be read.
struct SetAsideUnit {
  std::int64_t sequence = 0;
  std::string workspace;
  std::string reason;
  runtime::Timestamp appended_at;
  runtime::Timestamp set_aside_at;
  std::vector<std::string> event_ids;  // empty when the record cannot be read
};

struct Amount {
  std::int64_t units = 0;
  std::int64_t events = 0;
  std::int64_t bytes = 0;  // of records, without SQLite's own overhead

  Amount& operator+=(const Amount& more) {
    units += more.units;
    events += more.events;
    bytes += more.bytes;
    return *this;
  }
  Amount& operator-=(const Amount& less) {
    units -= less.units;
    events -= less.events;
    bytes -= less.bytes;
    return *this;
  }
};

// Amounts other than `waiting` and `aside` count since the journal was opened.
struct Statistics {
  Amount waiting;                            // not replayed yet
  std::optional<runtime::Timestamp> oldest;  // when the oldest waiting unit was appended
  Amount aside;                              // set aside and still kept
  Amount appended;
  Amount replayed;  // removed because they are stored
  Amount set_aside;
  Amount discarded;           // the oldest of `aside`, given up to keep the rest within its bound
  std::int64_t commits = 0;   // of appends: each is one fsync
  std::int64_t refused = 0;   // appends that found the journal full
  std::int64_t failures = 0;  // operations that the disk refused
  std::string last_failure;   // empty as soon as an operation succeeds again
  std::int64_t max_bytes = 0;
  std::int64_t disk_bytes = 0;  // both files as they are
  double used = 0;              // share of the bound that holds units: at 1 appends are refused
  std::string moved_aside;      // path of the corrupt database found when opened; empty if it was sound
};

class Worker;

class Journal {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Blocking: reads the whole database to check it. The error names the path and the reason.
  static tl::expected<std::unique_ptr<Journal>, std::string> open(boost::asio::any_io_executor executor,
                                                                  const Options& options);
  // Waits for the operation under way. `executor`'s context must still be there.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Durable when it returns. On an error nothing is kept, except that a unit whose deadline passed while the
  // disk was at work on it may be.
  boost::asio::awaitable<tl::expected<void, Error>> append(std::string workspace,
                                                           std::vector<event::Event> unit, Deadline deadline);

  // The oldest units, in order: as many as fit both bounds (bytes of records), at least one if there is
  // any. Units that cannot be read are set aside on the way.
  boost::asio::awaitable<tl::expected<std::vector<Unit>, Error>> next(std::size_t max_events,
                                                                      std::size_t max_bytes);
  // Both leave sequences alone that are not there (any more).
  boost::asio::awaitable<tl::expected<void, Error>> remove(std::vector<std::int64_t> sequences);
  boost::asio::awaitable<tl::expected<void, Error>> set_aside(std::vector<std::int64_t> sequences,
                                                              std::string reason);
  // The newest first.
  boost::asio::awaitable<tl::expected<std::vector<SetAsideUnit>, Error>> set_aside_units(std::size_t limit);

  // Called on the executor whenever something was appended; null for nobody.
  void on_append(std::function<void()> listener);

  Statistics statistics() const;

  // Refuses everything further, finishes what is queued, and leaves one file that holds all.
  boost::asio::awaitable<tl::expected<void, Error>> close(Deadline deadline);

 private:
  struct Listener;

  Journal(boost::asio::any_io_executor executor, std::unique_ptr<Worker> worker);
  template <typename T, typename Work>
  boost::asio::awaitable<tl::expected<T, Error>> on_worker(Work work, Deadline deadline, bool last = false);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<Worker> worker_;
  bool closed_ = false;
};

}  // namespace storagepool::journal
