// The journal: where events go that were accepted while PostgreSQL cannot take them. A SQLite database on the
// pod's own volume (WAL, synchronous=FULL), so that what `append` acknowledged survives the end of the
// process and of the machine at any instruction. One worker thread does all of the disk's work; appends that
// wait while it is busy are committed together, with one fsync.
//
//   auto journal = Journal::start(executor, {.path = "/var/lib/datastorage/journal.db"});
//   auto kept = co_await journal->append(origin, std::move(events), deadline);   // then answer 202
//
// A unit waits, in the order of its workspace, until `remove`, to be called once PostgreSQL has committed it.
// `set_aside` keeps one that PostgreSQL can never take where it is seen and in nobody's way, `put_back` lets
// it wait again. Nothing else takes a unit out of the journal, but a person by `drop`. Storing is idempotent
// by event id, so that a unit stored and not removed before a crash is stored again without effect.
//
// Appends are refused once the disk use (the database and its "-wal" together) would pass `max_bytes`, with
// what is set aside counted in. Space of removed units is used again, the files do not shrink. A database
// found damaged, when it is opened or later, is salvaged into a new file and kept under a name of its own;
// one that a newer version or another program wrote is left alone and is an error. All members are for the
// executor's one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
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
  std::string path;  // of the database; made with mode 0600 in a folder that exists
  std::int64_t max_bytes = std::int64_t{256} * 1024 * 1024;      // of disk; at least kMinBytes
  std::size_t max_queued_bytes = std::size_t{16} * 1024 * 1024;  // of memory for what waits for the disk
  // Between two attempts to open the file, or to write to it after a failure: doubled up to the longest.
  std::chrono::milliseconds first_retry{1000};
  std::chrono::milliseconds longest_retry{30'000};
};

struct Error {
  enum class Kind {
    kFull,    // the bound on disk or memory is reached: worth trying again once replay has made room
    kFailed,  // the disk refused, did not answer in time, or the journal is closed
  };
  Kind kind = Kind::kFailed;
  std::string detail;  // names the file and the system's reason, no event; for logs rather than clients
};

// Where the events of a unit belong.
struct Origin {
  // A constructor, for GCC 12 destroys temporaries of aggregates in a co_await expression twice.
  explicit Origin(std::string workspace_name = {}, std::string workspace_incarnation = {})
      : workspace(std::move(workspace_name)), incarnation(std::move(workspace_incarnation)) {}

  std::string workspace;    // empty: the system database
  std::string incarnation;  // of the workspace; empty: none, or a journal of format 1 did not keep it
};

// One call's events: stored whole or not at all.
struct Unit {
  std::int64_t sequence = 0;  // of acceptance, never used twice
  std::string workspace;      // as in Origin
  std::string incarnation;
  runtime::Timestamp appended_at;
  std::vector<event::Event> events;
};

enum class Part { kWaiting, kSetAside };

// A unit as a person is shown it.
struct KeptUnit : Unit {
  std::string reason;                              // why it is set aside; empty while it waits
  std::optional<runtime::Timestamp> set_aside_at;  // no value while it waits
  std::string unreadable;                          // the record as it is, when no events can be read from it
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

// What waits for one workspace.
struct WaitingWorkspace {
  std::string workspace;
  Amount amount;
  std::int64_t first = 0;     // the lowest sequence
  runtime::Timestamp oldest;  // when that one was appended
};

// Which units of a workspace to read: as many as fit both bounds, at least one if there is any.
struct Take {
  std::string workspace{};
  std::size_t max_events = 1;
  std::size_t max_bytes = 0;                // of records
  std::int64_t after = 0;                   // only sequences above
  std::set<std::int64_t> passed_over = {};  // none of these
};

// What dropping comes to: done, or not because the amount is another than was confirmed.
struct Drop {
  Amount amount;
  bool done = false;
};

// Which units to show: those with sequences above `after`, as many as fit both bounds, at least one.
struct Page {
  Part part = Part::kSetAside;
  std::int64_t after = 0;
  std::size_t max_units = 1;
  std::size_t max_bytes = 0;  // of records
};

// Amounts other than `waiting` and `aside` count since the journal was opened.
struct Statistics {
  Amount waiting;                            // not replayed yet
  std::optional<runtime::Timestamp> oldest;  // when the oldest waiting unit was appended
  Amount aside;                              // set aside and still kept
  Amount appended;
  Amount replayed;  // removed because they are stored
  Amount set_aside;
  Amount put_back;
  Amount dropped;             // by a person
  std::int64_t commits = 0;   // of appends: each is one fsync
  std::int64_t refused = 0;   // appends that found the journal full
  std::int64_t failures = 0;  // operations that the disk refused
  std::string last_failure;   // empty as soon as an operation succeeds again
  std::int64_t max_bytes = 0;
  std::int64_t disk_bytes = 0;  // both files as they are
  double used = 0;              // share of the bound that holds units: at 1 appends are refused
  std::int64_t salvages = 0;    // of a damaged file
  Amount salvaged;              // what was saved by them, set aside or waiting; what was not is not known
  std::int64_t damaged = 0;     // units that they found and could not read
  std::string kept_as;          // path of the damaged database, the last one; empty if there was none
  // Whether what is appended would be durable: the file is open, and the disk did what it was asked last.
  bool durable = false;
  std::string not_durable_because;  // names the file and the reason; empty while it is
};

class Worker;

class Journal {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  template <typename T>
  using Answer = boost::asio::awaitable<tl::expected<T, Error>>;

  // Opens the file on a thread of its own, which what is asked meanwhile waits for.
  static std::unique_ptr<Journal> start(boost::asio::any_io_executor executor, const Options& options);
  // For who must know at once, and may block: the error is why the file cannot be opened now.
  static tl::expected<std::unique_ptr<Journal>, std::string> open(boost::asio::any_io_executor executor,
                                                                  const Options& options);
  // Waits for the operation under way. `executor`'s context must still be there.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Durable when it returns. On an error nothing is kept, except that a unit whose deadline passed while the
  // disk was at work on it may be.
  Answer<void> append(Origin origin, std::vector<event::Event> unit, Deadline deadline);

  // The workspaces that units wait for, those with the oldest first.
  Answer<std::vector<WaitingWorkspace>> waiting();
  // In the order of their acceptance. Units that cannot be read are set aside on the way.
  Answer<std::vector<Unit>> next(Take take);
  // These leave sequences alone that are not there (any more), and tell what they concerned.
  Answer<Amount> remove(std::vector<std::int64_t> sequences);                         // that wait
  Answer<Amount> set_aside(std::vector<std::int64_t> sequences, std::string reason);  // that wait
  Answer<Amount> put_back(std::vector<std::int64_t> sequences);                       // that are set aside
  // Gives events up that were acknowledged: only for a person who names the units, all set aside, and
  // confirms how many events they hold together. All are dropped or none.
  Answer<Drop> drop(std::vector<std::int64_t> sequences, std::int64_t events);
  // In the order of their acceptance.
  Answer<std::vector<KeptUnit>> read(Page page);

  // Called on the executor whenever something was appended or put back; null for nobody.
  void on_append(std::function<void()> listener);

  Statistics statistics() const;

  // Refuses everything further, finishes what is queued, and leaves one file that holds all.
  Answer<void> close(Deadline deadline);

 private:
  struct Listener;

  Journal(boost::asio::any_io_executor executor, std::unique_ptr<Worker> worker);
  template <typename T, typename Work>
  Answer<T> on_worker(Work work, Deadline deadline, bool last = false);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<Worker> worker_;
  bool closed_ = false;
};

}  // namespace storagepool::journal
