// The decisions of the ingest, without I/O or a clock: which database is served next, which waiting units
// make up its next batch, and what is refused because a bound is reached.
//
// A turn of a database begins with fetching a connection; what waits when the connection is there goes into
// the batch, so that a batch grows for as long as nothing could be written anyway and no longer. While the
// batch is being written the next turn of the same database may begin, up to `turns_per_database`. Databases
// take turns round robin. A database may fill half of the queue, so that one that cannot be written leaves
// room for the others.
//
// Invariants, each checked by the simulation in the test: units of a database are taken first come first
// served; a unit is taken, withdrawn or given up exactly once; no batch exceeds its bounds unless it is a
// single unit; no batch holds a client-made id twice; a database that waits and may have a turn is offered
// one; what has been accepted never exceeds the bounds.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pool/event/event.h"
#include "pool/event/shared_events.h"

namespace storagepool::ingest {

struct Limits {
  std::size_t max_batch_events = 500;
  std::size_t max_batch_bytes = std::size_t{4} * 1024 * 1024;
  // Of everything accepted and not answered yet, in memory.
  std::size_t max_queued_events = 20'000;
  std::size_t max_queued_bytes = std::size_t{32} * 1024 * 1024;
  int turns_per_database = 2;  // batches of one database at the same time, each on a connection of its own
  int turns = 16;              // batches at the same time over all databases
  // A unit that is being written when its deadline passes is answered by what happens to it, at most this
  // much later.
  std::chrono::milliseconds grace{5000};
};

// How much of something there is; bytes in memory.
struct Load {
  std::size_t events = 0;
  std::size_t bytes = 0;
  Load& operator+=(const Load& other);
  Load& operator-=(const Load& other);
  friend bool operator==(const Load&, const Load&) = default;
};

// The events of one call, stored whole or not at all.
struct Unit {
  using TimePoint = std::chrono::steady_clock::time_point;
  std::uint64_t id = 0;  // ascending in the order of arrival
  event::SharedEvents events{};
  Load load{};
  TimePoint deadline{};
};

Load load_of(const std::vector<event::Event>& events);

class Queue {
 public:
  using TimePoint = Unit::TimePoint;

  explicit Queue(const Limits& limits) : limits_(limits) {}

  // The unit's id; no value when it is refused because the queue is full.
  std::optional<std::uint64_t> push(const std::string& database, event::SharedEvents events,
                                    TimePoint deadline);
  // Takes out a unit whose deadline has passed. False when it is being written or was answered already.
  bool withdraw(const std::string& database, std::uint64_t unit);

  struct Turn {
    std::string database;
    TimePoint deadline;       // of fetching a connection: none of the waiting units waits longer
    std::uint64_t next_unit;  // units from this on have arrived later
  };
  // A turn that can begin now. To be called, until it returns nothing, after every call below and `push`.
  std::optional<Turn> begin_turn();

  struct Batch {
    std::vector<Unit> units;    // to be written together
    std::vector<Unit> expired;  // waited in vain
    Load load;                  // of `units`, to be given back by `end_turn`
  };
  // There is a connection: what is to be written with it, possibly nothing.
  Batch take(const std::string& database, TimePoint now);
  void end_turn(const std::string& database, const Load& written);
  // There is no connection, and the turn is over. Returns the units before `next_unit`, which have waited for
  // it in vain.
  std::vector<Unit> give_up(const std::string& database, std::uint64_t next_unit);

  // What a database has here, as a share of what it may have: at 1 its units are refused.
  double fill(const std::string& database) const;

  // Accepted and not answered.
  Load load() const { return load_; }
  bool empty() const { return databases_.empty(); }

 private:
  struct Database {
    std::string name{};
    std::deque<Unit> queue{};
    Load load{};
    TimePoint latest = TimePoint::min();  // deadline of any unit that waited since the queue was empty
    bool fetching = false;
    int writing = 0;
    std::optional<std::list<Database*>::iterator> place{};  // in `waiting_` while the queue is not empty
  };

  bool fits(const Load& more, const Load& present, std::size_t share) const;
  bool may_begin(const Database& database) const;
  void remove_load(Database& database, const Load& load);
  void settle(Database& database);  // after units have left the queue or a turn is over

  Limits limits_;
  std::unordered_map<std::string, Database> databases_;  // those with units or turns
  std::list<Database*> waiting_;                         // whose turn is next first
  Load load_;
  int turns_ = 0;
  std::uint64_t next_unit_ = 1;
};

}  // namespace storagepool::ingest
